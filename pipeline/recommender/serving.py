"""The model as MLflow serves it: predictions and recommendations for known and new users.

MLflow stores this file as the model's code ("models from code") and runs it to load the model.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException

from pipeline.errors import UserError
from pipeline.recommender.filters import Filters
from pipeline.recommender.listed import Brought, Listed
from pipeline.recommender.lists import Order, check_request
from pipeline.recommender.newcomers import Reading, find
from pipeline.recommender.pair import recommend_both
from pipeline.recommender.person import Person
from pipeline.recommender.recommender import Recommender
from pipeline.recommender.statuses import status_of

PREDICTED = ("prediction", "low", "high", "liked")
LISTED = (
    "row", "rank", "anime_id", "title", "prediction", "low", "high", "liked", "watch", "grades",
    "planned", "why", "why_watch",
)  # fmt: skip
Report = dict[str, Any]  # of Reading
KNOWN: Report = {"notes": []}  # of a user of the data, who brings no list
EXAMPLE = '[{"title": "Cowboy Bebop", "rating": 9}]'


class Recommendations(mlflow.pyfunc.PythonModel):
    """Answers each row of a frame with a prediction or a list of titles.

    A row names a user of the data by ``user_id``, or brings a new user's list as ``ratings``: dicts
    with ``anime_id`` or ``title``, and ``rating`` or ``status`` or both. With a column ``anime_id``
    the answer is the prediction of that title, where unknown ids count as an average user or title;
    without it, the answer is a list of titles. With a column ``with_user_id`` or ``with_ratings``
    it is a list for two people. Titles of a list that are not in the catalogue do not count; with
    the param ``report`` each row of the answer has a column ``report`` that names them, and those
    that were found by likeness only.
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
                report = bool((params or {}).get("report"))
                return pd.DataFrame(self._predictions(model_input, report))
            return pd.DataFrame(self._lists(model_input, params or {}))
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error

    def _predictions(self, frame: pd.DataFrame, report: bool) -> dict[str, Any]:
        anime = frame["anime_id"].to_numpy()
        if "user_id" in frame:
            columns = self.recommender.outlook(frame["user_id"].to_numpy(), anime)
            found = {name: columns[name].astype(float) for name in PREDICTED}
            return found | ({"report": [KNOWN] * len(anime)} if report else {})
        rows = self.recommender.catalogue.ids.rows(anime)
        people, readings = zip(*self._people(frame, "user_id", "ratings"), strict=True)
        titles = [
            self.recommender.details.of(person, np.array([row]))[0]
            for person, row in zip(people, rows, strict=True)
        ]
        found = {name: np.array([title[name] for title in titles], float) for name in PREDICTED}
        return found | ({"report": [*readings]} if report else {})

    def _lists(self, frame: pd.DataFrame, params: dict[str, Any]) -> list[dict[str, Any]]:
        number, order = params["k"], Order(params["order"], params["niche"], params["diversity"])
        pair = bool({"with_user_id", "with_ratings"} & set(frame))
        check_request(number, order, ("k", "diversity", "niche", "order"), pair)
        filters = filters_of(params)
        people = [self._counted(*of, params) for of in self._people(frame, "user_id", "ratings")]
        others: list[tuple[Person, Report]] = []
        if pair:
            pairs = self._people(frame, "with_user_id", "with_ratings")
            others = [self._counted(*of, params) for of in pairs]
        answer: list[dict[str, Any]] = []
        kept = (*LISTED, "other") if pair else LISTED
        for row, (person, report) in enumerate(people):
            if pair:
                both = person, others[row][0]
                titles = recommend_both(self.recommender, both, number, filters, order.niche)
            else:
                titles = self.recommender.recommend(person, number, filters, order)
            said = {"report": report} if params["report"] else {}
            if said and pair:
                titles = [t | {"other": t["other"] | {"report": others[row][1]}} for t in titles]
            ranked = ({"row": row, "rank": i} | title for i, title in enumerate(titles, 1))
            answer += [{name: title[name] for name in kept} | said for title in ranked]
        return answer

    def _counted(
        self, person: Person, report: Report, params: dict[str, Any]
    ) -> tuple[Person, Report]:
        """Take titles out of a person's account, and say which were found by likeness."""
        ignore, least = list(params["ignore"]), params["ignore_below"]
        if not ignore and least <= self.recommender.scorer.scale.low:
            return person, report
        matches = [self.recommender.catalogue.match(title) for title in ignore]
        said = [f"ignore: {match.said}." for match in matches if match.said]
        rows = [match.row for match in matches]
        counted = self.recommender.without(person, rows, least)
        return counted, report | {"notes": [*report["notes"], *said]}

    def _people(
        self, frame: pd.DataFrame, in_data: str, brought: str
    ) -> Iterator[tuple[Person, Report]]:
        """Yield the user of each row, looked up or folded in, and what was understood."""
        known = in_data in frame
        for row, value in enumerate(frame[in_data if known else brought]):
            try:
                if known:
                    yield self.recommender.user(str(value), names=False), KNOWN
                else:
                    listed = [self._listed(entry) for entry in self._entries(brought, value)]
                    found = find(self.recommender.catalogue, Brought(tuple(listed)))
                    person = self.recommender.newcomer([*found.entries.values()])
                    yield person, reported(found.reading)
            except UserError as error:
                raise UserError(f"row {row}: {error}") from error

    def _entries(self, brought: str, value: Any) -> Iterable[Any]:
        if isinstance(value, list | tuple | np.ndarray):
            return value
        what = "null" if value is None or value is pd.NA or value != value else "no list"
        raise UserError(f"{brought} is {what}; it must be a list of titles, such as {EXAMPLE}.")

    def _listed(self, entry: Any) -> Listed:
        fields = entry if isinstance(entry, dict) else {}
        anime, title, value, status = map(fields.get, ("anime_id", "title", "rating", "status"))
        shown = str(entry)[:99]
        if (anime is None) == (title is None) or (value is None and status is None):
            raise UserError(f"{shown} needs either anime_id or title, and rating or status.")
        low, high = self.recommender.scorer.scale.low, self.recommender.scorer.scale.high
        try:
            rating = None if value is None or isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            rating = np.nan
        if isinstance(value, bool) or (rating is not None and not low <= rating <= high):
            raise UserError(f"{shown}: rating must be from {low:g} to {high:g}.")
        known = status_of(str(status or ""))
        if title is not None:
            return Listed("", rating, known, str(title))
        if isinstance(anime, bool | dict | list) or (
            isinstance(anime, float) and not anime.is_integer()
        ):
            raise UserError(f"{shown}: anime_id {anime} is not a whole number.")
        return Listed(str(int(anime) if isinstance(anime, float) else anime), rating, known)


def filters_of(params: dict[str, Any]) -> Filters:
    """Return which titles may be listed."""
    years = params["from_year"] or None, params["to_year"] or None
    genres, without, types = (list(params[name]) for name in ("genres", "without", "types"))
    same = ("sequels", "min_raters", "next_in_series", "one_per_franchise", "dropped_sequels")
    return Filters(
        genres, without, types, years, planned=params["planned"],
        **{name: params[name] for name in same},
    )  # fmt: skip


def reported(reading: Reading) -> Report:
    """Return what was understood of a list as JSON has it."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in reading._asdict().items()
    }


mlflow.models.set_model(Recommendations())
