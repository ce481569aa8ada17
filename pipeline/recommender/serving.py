"""The model as MLflow serves it: ratings of titles, or lists of titles, for known and new users.

MLflow stores this file as the model's code ("models from code") and runs it when it loads one.
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
from pipeline.recommender.catalogue import Rated, Wanted
from pipeline.recommender.recommender import Person, Recommender

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
        ParamSpec("from_year", "long", 0),  # 0 for any
        ParamSpec("to_year", "long", 0),
        ParamSpec("sequels", "boolean", True),
    ]),
)  # fmt: skip
LIST = ["row", "rank", "anime_id", "title", "prediction", "why"]


class Recommendations(mlflow.pyfunc.PythonModel):
    """Answers each row of a frame.

    A row is about a user of the data, ``user_id``, or about somebody new with their ``ratings``,
    each a dict with ``anime_id`` or ``title``, and ``rating``. Where rows have an ``anime_id``,
    its ``prediction`` is the answer, and unknown ids count as average ones; where they have none,
    a list of titles is.
    """

    def load_context(self, context: Any) -> None:
        """Load the models folder that was logged."""
        self.recommender = Recommender(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return a frame with the column ``prediction``, in the order of the input.

        Lists have a row for each title, with ``row`` of the input (from 0), ``rank`` (from 1),
        ``anime_id``, ``title`` and ``why``.

        Raises:
            MlflowException: a row cannot be answered; the message says which, and why.
        """
        try:
            if ("user_id" in model_input) == ("ratings" in model_input):
                raise UserError("rows need user_id, or ratings, and not both.")
            if "anime_id" in model_input:
                return pd.DataFrame({"prediction": self._predictions(model_input)})
            return pd.DataFrame(self._lists(model_input, params), columns=LIST)
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error

    def _predictions(self, frame: pd.DataFrame) -> np.ndarray:
        anime = frame["anime_id"].to_numpy()
        if "user_id" in frame:
            return self.recommender.predict(frame["user_id"].to_numpy(), anime).astype(float)
        scores = (self.recommender.scorer.scores(person.taste) for person in self._people(frame))
        rows = self.recommender.catalogue.ids.rows(anime)
        return np.array([own[row] for own, row in zip(scores, rows, strict=True)], float)

    def _lists(self, frame: pd.DataFrame, params: dict[str, Any]) -> list[dict[str, Any]]:
        number, diversity = params["k"], params["diversity"]
        if not (1 <= number <= 10_000 and 0 <= diversity <= 1):
            raise UserError(f"k {number}, diversity {diversity}: from 1 to 10000, from 0 to 1.")
        genres, without, types = (list(params[name]) for name in ("genres", "without", "types"))
        years = params["from_year"] or None, params["to_year"] or None
        wanted, found = Wanted(genres, without, types, years, params["sequels"]), []
        for place, person in enumerate(self._people(frame)):
            listed = self.recommender.recommend(person, number, wanted, diversity)
            found += [{"row": place, "rank": i} | title for i, title in enumerate(listed, 1)]
        return found

    def _people(self, frame: pd.DataFrame) -> Iterator[Person]:
        """Find whom the rows are about."""
        known = "user_id" in frame
        for place, value in enumerate(frame["user_id" if known else "ratings"]):
            try:
                if known:
                    yield self.recommender.user(str(value))
                else:
                    yield self.recommender.newcomer([self._rated(one) for one in value])
            except UserError as error:
                raise UserError(f"row {place}: {error}") from error

    def _rated(self, rating: Any) -> Rated:
        known = rating if isinstance(rating, dict) else {}
        anime, title, value = map(known.get, ("anime_id", "title", "rating"))
        if (anime is None) == (title is None) or value is None:
            raise UserError(f"{str(rating)[:99]} is not anime_id, or title, and rating.")
        low, high = self.recommender.scorer.scale
        try:
            if low <= float(value) <= high:
                return Rated(str(title) if anime is None else str(int(anime)), float(value))
        except (TypeError, ValueError, OverflowError):
            pass
        raise UserError(f"{str(rating)[:99]}: a rating is from {low} to {high}, an id a number.")


mlflow.models.set_model(Recommendations())
