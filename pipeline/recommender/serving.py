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

from pipeline.errors import UserError
from pipeline.recommender.filters import Filters
from pipeline.recommender.listed import Listed
from pipeline.recommender.lists import Order, check_request
from pipeline.recommender.pair import recommend_both
from pipeline.recommender.person import Person
from pipeline.recommender.rating_files import status_of
from pipeline.recommender.recommender import Recommender

PREDICTED = ("prediction", "low", "high", "liked")
LISTED = (
    "row", "rank", "anime_id", "title", "prediction", "low", "high", "liked", "watch", "grades",
    "planned", "why", "why_watch",
)  # fmt: skip


class Recommendations(mlflow.pyfunc.PythonModel):
    """Answers each row of a frame with a prediction or a list of titles.

    A row names a user of the data by ``user_id``, or brings a new user's list as ``ratings``: dicts
    with ``anime_id`` or ``title``, and ``rating`` or ``status`` or both. With a column ``anime_id``
    the answer is the prediction of that title, where unknown ids count as an average user or title;
    without it, the answer is a list of titles. With a column ``with_user_id`` or ``with_ratings``
    it is a list for two people.
    """

    def load_context(self, context: Any) -> None:
        """Load the model's folder, which was logged as an artifact."""
        self.recommender = Recommender(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return predictions in the order of the input, or lists.

        Lists have one row per title, with LISTED, and for two people ``other``, what differs for
        the second: ``row`` is that of the input, from 0; ``rank`` counts from 1.

        Raises:
            MlflowException: a row cannot be answered; the message says which, and why.
        """
        try:
            if ("user_id" in model_input) == ("ratings" in model_input):
                raise UserError("rows need either user_id or ratings.")
            pair = {"with_user_id", "with_ratings"} & set(model_input)
            if len(pair) == 2 or (pair and "anime_id" in model_input):
                raise UserError("lists are with either with_user_id or with_ratings; no anime_id.")
            if "anime_id" in model_input:
                return pd.DataFrame(self._predictions(model_input))
            return pd.DataFrame(self._lists(model_input, params or {}))
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error

    def _predictions(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        anime = frame["anime_id"].to_numpy()
        if "user_id" in frame:
            columns = self.recommender.outlook(frame["user_id"].to_numpy(), anime)
            return {name: columns[name].astype(float) for name in PREDICTED}
        rows = self.recommender.catalogue.ids.rows(anime)
        people = self._people(frame, "user_id", "ratings")
        titles = [
            self.recommender.details.of(person, np.array([row]))[0]
            for person, row in zip(people, rows, strict=True)
        ]
        return {name: np.array([title[name] for title in titles], float) for name in PREDICTED}

    def _lists(self, frame: pd.DataFrame, params: dict[str, Any]) -> list[dict[str, Any]]:
        number, order = params["k"], Order(params["order"], params["niche"], params["diversity"])
        pair = bool({"with_user_id", "with_ratings"} & set(frame))
        check_request(number, order, ("k", "diversity", "niche", "order"), pair)
        years = params["from_year"] or None, params["to_year"] or None
        genres, without, types = (list(params[name]) for name in ("genres", "without", "types"))
        same = ("sequels", "min_raters", "next_in_series", "one_per_franchise", "dropped_sequels")
        filters = Filters(
            genres, without, types, years, planned=params["planned"],
            **{name: params[name] for name in same},
        )  # fmt: skip
        people = [self._counted(p, params) for p in self._people(frame, "user_id", "ratings")]
        others: list[Person] = []
        if pair:
            pairs = self._people(frame, "with_user_id", "with_ratings")
            others = [self._counted(person, params) for person in pairs]
        answer: list[dict[str, Any]] = []
        kept = (*LISTED, "other") if pair else LISTED
        for row, person in enumerate(people):
            if pair:
                both = person, others[row]
                titles = recommend_both(self.recommender, both, number, filters, order.niche)
            else:
                titles = self.recommender.recommend(person, number, filters, order)
            ranked = ({"row": row, "rank": i} | title for i, title in enumerate(titles, 1))
            answer += [{name: title[name] for name in kept} for title in ranked]
        return answer

    def _counted(self, person: Person, params: dict[str, Any]) -> Person:
        """Take titles out of a person's account."""
        ignore, least = list(params["ignore"]), params["ignore_below"]
        if not ignore and least <= self.recommender.scorer.scale.low:
            return person
        return self.recommender.without(person, ignore, least)

    def _people(self, frame: pd.DataFrame, in_data: str, brought: str) -> Iterator[Person]:
        """Yield the user of each row: look up those of the data, fold in new ones."""
        known = in_data in frame
        for row, value in enumerate(frame[in_data if known else brought]):
            try:
                if known:
                    yield self.recommender.user(str(value))
                else:
                    if not isinstance(value, list | tuple | np.ndarray):
                        raise UserError(f"{brought} must be a list.")
                    yield self.recommender.newcomer([self._listed(entry) for entry in value])
            except UserError as error:
                raise UserError(f"row {row}: {error}") from error

    def _listed(self, entry: Any) -> Listed:
        fields = entry if isinstance(entry, dict) else {}
        anime, title, value, status = map(fields.get, ("anime_id", "title", "rating", "status"))
        if (anime is None) == (title is None) or (value is None and status is None):
            raise UserError(
                f"{str(entry)[:99]} needs either anime_id or title, and rating or status."
            )
        scale = self.recommender.scorer.scale
        try:
            are_text = self.recommender.catalogue.ids.are_text
            if isinstance(anime, bool) or (isinstance(anime, float) and not anime.is_integer()):
                raise ValueError(anime)
            of_title = str(title if anime is None else anime if are_text else int(anime))
            rating = None if value is None else float(value)
            if rating is None or scale.low <= rating <= scale.high:
                return Listed(of_title, rating, status_of(str(status or "")))
        except (TypeError, ValueError, OverflowError):
            pass
        raise UserError(
            f"{str(entry)[:99]}: rating must be from {scale.low:g} to {scale.high:g}, and "
            "anime_id a whole number."
        )


mlflow.models.set_model(Recommendations())
