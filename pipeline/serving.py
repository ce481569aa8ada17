"""The model as MLflow serves it: a frame of user_id and anime_id in, a frame of predictions out.

MLflow stores this file as the model's code ("models from code") and runs it when it loads one.
"""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from pipeline.model.saved import Predictor


class Ratings(mlflow.pyfunc.PythonModel):
    """Predicts the rating of each pair; unknown users and titles count as average ones."""

    def load_context(self, context: Any) -> None:
        """Load the models folder that was logged."""
        self.predictor = Predictor(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return a frame with the column ``prediction``, in the order of the input."""
        pairs = model_input["user_id"].to_numpy(), model_input["anime_id"].to_numpy()
        return pd.DataFrame({"prediction": self.predictor.ids(*pairs)})


mlflow.models.set_model(Ratings())
