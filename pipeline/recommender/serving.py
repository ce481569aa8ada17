"""The model as MLflow serves it: predictions and recommendations for known and new users.

MLflow stores this file as the model's code ("models from code") and runs it to load the model.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType, Array, Object, Property

from pipeline.errors import UserError
from pipeline.recommender.filters import Filters
from pipeline.recommender.listed import Listed
from pipeline.recommender.person import Person
from pipeline.recommender.recommender import Recommender, check_request

REASON = Object([Property("what", "string"), Property("points", "double")])
SIGNATURE = ModelSignature(
    inputs=Schema([
        ColSpec("long", "user_id", required=False),
        ColSpec(Array(AnyType()), "ratings", required=False),
        ColSpec("long", "anime_id", required=False),
    ]),
    outputs=Schema([
        ColSpec("double", "prediction"),
        ColSpec("long", "row", required=False),
        ColSpec("long", "rank", required=False),
        ColSpec("long", "anime_id", required=False),
        ColSpec("string", "title", required=False),
        ColSpec(Array(REASON), "why", required=False),
    ]),
    params=ParamSchema([
        ParamSpec("k", "long", 20),
        ParamSpec("diversity", "double", 0.0),
        ParamSpec("genres", "string", [], (-1,)),
        ParamSpec("without", "string", [], (-1,)),
        ParamSpec("types", "string", [], (-1,)),
        ParamSpec("from_year", "long", 0),  # MLflow params cannot be None: 0 is any year
        ParamSpec("to_year", "long", 0),
        ParamSpec("sequels", "boolean", True),
    ]),
)  # fmt: skip
LIST_COLUMNS = ["row", "rank", "anime_id", "title", "prediction", "why"]


class Recommendations(mlflow.pyfunc.PythonModel):
    """Answers each row of a frame with a prediction or a list of titles.

    A row names a user of the data by ``user_id``, or describes a new user by ``ratings``: dicts
    with ``anime_id`` or ``title``, and ``rating``. With a column ``anime_id`` the answer is the
    prediction of that title, where unknown ids count as an average user or title; without it, the
    answer is a list of titles.
    """

    def load_context(self, context: Any) -> None:
        """Load the model's folder, which was logged as an artifact."""
        self.recommender = Recommender(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return a frame with the column ``prediction``, in the order of the input.

        Lists have one row per title, with LIST_COLUMNS: ``row`` is that of the input, from 0;
        ``rank`` counts from 1.

        Raises:
            MlflowException: a row cannot be answered; the message says which, and why.
        """
        try:
            if ("user_id" in model_input) == ("ratings" in model_input):
                raise UserError("rows need either user_id or ratings.")
            if "anime_id" in model_input:
                return pd.DataFrame({"prediction": self._predictions(model_input)})
            return pd.DataFrame(self._lists(model_input, params), columns=LIST_COLUMNS)
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error

    def _predictions(self, frame: pd.DataFrame) -> np.ndarray:
        anime = frame["anime_id"].to_numpy()
        if "user_id" in frame:
            return self.recommender.predict(frame["user_id"].to_numpy(), anime).astype(float)
        rows = self.recommender.catalogue.ids.rows(anime)
        scores = (self.recommender.scorer.scores(person.taste) for person in self._people(frame))
        return np.array([score[row] for score, row in zip(scores, rows, strict=True)], float)

    def _lists(self, frame: pd.DataFrame, params: dict[str, Any]) -> list[dict[str, Any]]:
        number, diversity = params["k"], params["diversity"]
        check_request(number, diversity, ("k", "diversity"))
        genres, without, types = (list(params[name]) for name in ("genres", "without", "types"))
        years = params["from_year"] or None, params["to_year"] or None
        filters = Filters(genres, without, types, years, params["sequels"])
        answer: list[dict[str, Any]] = []
        for row, person in enumerate(self._people(frame)):
            titles = self.recommender.recommend(person, number, filters, diversity)
            answer += [{"row": row, "rank": i} | title for i, title in enumerate(titles, 1)]
        return answer

    def _people(self, frame: pd.DataFrame) -> Iterator[Person]:
        """Yield the user of each row: look up those of the data, fold in new ones."""
        in_data = "user_id" in frame
        for row, value in enumerate(frame["user_id" if in_data else "ratings"]):
            try:
                if in_data:
                    yield self.recommender.user(str(value))
                else:
                    yield self.recommender.newcomer([self._rated(rating) for rating in value])
            except UserError as error:
                raise UserError(f"row {row}: {error}") from error

    def _rated(self, rating: Any) -> Listed:
        fields = rating if isinstance(rating, dict) else {}
        anime, title, value = map(fields.get, ("anime_id", "title", "rating"))
        if (anime is None) == (title is None) or value is None:
            raise UserError(f"{str(rating)[:99]} needs either anime_id or title, and rating.")
        low, high = self.recommender.scorer.scale
        try:
            if low <= float(value) <= high:
                return Listed(str(title) if anime is None else str(int(anime)), float(value))
        except (TypeError, ValueError, OverflowError):
            pass
        raise UserError(
            f"{str(rating)[:99]}: rating must be from {low} to {high}, and anime_id a whole number."
        )


mlflow.models.set_model(Recommendations())
