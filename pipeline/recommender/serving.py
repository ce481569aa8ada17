"""The model as MLflow serves it: predictions and recommendations for known and new users.

MLflow stores this file as the model's code ("models from code") and runs it to load the model.
"""

from itertools import groupby
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.environment_variables import MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2 as codes

from pipeline.errors import UserError
from pipeline.recommender.asked import check_params, filters_of, ids_of
from pipeline.recommender.blas import ONE_THREAD
from pipeline.recommender.bounds import SHARE, BusyError, LateError, Size, Work, turn
from pipeline.recommender.gate import put_before_mlflow
from pipeline.recommender.lists import Order, check_request
from pipeline.recommender.pair import recommend_both
from pipeline.recommender.people import KNOWN, Report, brought, ignored, people, told
from pipeline.recommender.recommender import Recommender

PREDICTED = ("prediction", "low", "high", "liked")
LISTED = (
    "row", "rank", "anime_id", "title", "prediction", "low", "high", "liked", "watch", "grades",
    "planned", "why", "why_watch",
)  # fmt: skip
TOGETHER = 5000  # predictions for a newcomer at a time: bounds memory
CODES = {BusyError: codes.REQUEST_LIMIT_EXCEEDED, LateError: codes.DEADLINE_EXCEEDED}


class Recommendations(mlflow.pyfunc.PythonModel):
    """Answers each row of a frame with a prediction or a list of titles.

    A row names a user of the data by ``user_id``, or brings a new user's list as ``ratings``: dicts
    with ``anime_id`` or ``title``, and ``rating`` or ``status`` or both. With a column ``anime_id``
    the answer is the prediction of that title, where unknown ids count as an average user or title;
    without it, the answer is a list of titles. With a column ``with_user_id`` or ``with_ratings``
    it is a list for two people. Titles of a list that are not in the catalogue do not count; with
    the param ``report`` each row of the answer has a column ``report`` that names them, and those
    that were found by likeness only.

    Any number of threads may ask at a time; each gets the answer that it would get alone.
    """

    def load_context(self, context: Any) -> None:
        """Load the model's folder, which was logged as an artifact."""
        self.recommender = Recommender(Path(context.artifacts["model"]))
        self.recommender.prepare()
        put_before_mlflow()

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return predictions in the order of the input, or lists.

        Lists have one row per title, with LISTED, and for two people ``other``, what differs for
        the second: ``row`` is that of the input, from 0; ``rank`` counts from 1.

        Raises:
            MlflowException: a row cannot be answered, or the request is too large
                (``pipeline.recommender.bounds``); the message says which, and why.
        """
        work = Work(SHARE * MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT.get())
        try:
            if ("user_id" in model_input) == ("ratings" in model_input):
                raise UserError("rows need either user_id or ratings.")
            pair = {"with_user_id", "with_ratings"} & set(model_input)
            if len(pair) == 2 or (pair and "anime_id" in model_input):
                raise UserError("lists are with either with_user_id or with_ratings; no anime_id.")
            check_params(params or {})
            with ONE_THREAD:
                if "anime_id" in model_input:
                    report = bool((params or {}).get("report"))
                    return pd.DataFrame(self._predictions(model_input, report, work))
                return pd.DataFrame(self._lists(model_input, params or {}, work))
        except UserError as error:
            code = CODES.get(type(error), codes.INVALID_PARAMETER_VALUE)
            raise MlflowException(str(error), error_code=code) from error

    def _predictions(self, frame: pd.DataFrame, report: bool, work: Work) -> dict[str, Any]:
        size = Size(pairs=len(frame))
        size.check()
        anime = ids_of(frame["anime_id"], self.recommender.catalogue.ids)
        if "ratings" in frame:
            return self._predictions_for_newcomers(frame["ratings"], anime, report, work)
        user = ids_of(frame["user_id"], self.recommender.users)
        with turn(size):
            columns = self.recommender.outlook(user, anime)
        found = {name: columns[name].astype(float) for name in PREDICTED}
        return found | ({"report": [KNOWN] * len(anime)} if report else {})

    def _predictions_for_newcomers(
        self, ratings: pd.Series, anime: Any, report: bool, work: Work
    ) -> dict[str, Any]:
        lists, rows = told(self.recommender, ratings), self.recommender.catalogue.ids.rows(anime)
        size = Size(pairs=len(rows), brought=brought(lists))
        size.check()
        readings, titles = list[Report](), list[list[float]]()
        with turn(size):
            every = people(self.recommender, lists, work)
            for _, same in groupby(every, key=lambda one: id(one[0])):
                (person, reading), *others = same
                own = rows[len(readings) :][: 1 + len(others)]
                for start in range(0, len(own), TOGETHER):
                    work.go_on()
                    some = self.recommender.details.of(person, own[start : start + TOGETHER])
                    titles += [[title[name] for name in PREDICTED] for title in some]
                readings += [reading] * len(own)
        found = dict(zip(PREDICTED, np.array(titles, float).reshape(-1, 4).T, strict=True))
        return found | ({"report": readings} if report else {})

    def _lists(
        self, frame: pd.DataFrame, params: dict[str, Any], work: Work
    ) -> list[dict[str, Any]]:
        number, order = params["k"], Order(params["order"], params["niche"], params["diversity"])
        second = [name for name in ("with_user_id", "with_ratings") if name in frame]
        check_request(number, order, ("k", "diversity", "niche", "order"), bool(second))
        size = Size(lists=len(frame), titles=number, varied=order.diversity > 0)
        size.check()
        first = "user_id" if "user_id" in frame else "ratings"
        sides = [told(self.recommender, frame[name]) for name in (first, *second)]
        size = size._replace(brought=sum(map(brought, sides), ()))
        size.check()
        filters, answer = filters_of(params), list[dict[str, Any]]()
        with turn(size):
            away = ignored(self.recommender, params, work)
            both = [people(self.recommender, side, work, away) for side in sides]
            for row, of_row in enumerate(zip(*both, strict=True)):
                work.go_on()
                (person, report), *other = of_row
                if other:
                    pair = person, other[0][0]
                    titles = recommend_both(self.recommender, pair, number, filters, order.niche)
                else:
                    titles = self.recommender.recommend(person, number, filters, order)
                reports = [report, *(of for _, of in other)] if params["report"] else []
                answer += _ranked(row, titles, reports)
        return answer


def _ranked(row: int, titles: list[dict[str, Any]], reports: list[Report]) -> list[dict[str, Any]]:
    """Return the rows of the answer to one row, with what was understood of one list or two."""
    ranked = list[dict[str, Any]]()
    for rank, title in enumerate(titles, 1):
        kept = {"row": row, "rank": rank, **title}
        answer = {name: kept[name] for name in LISTED}
        if "other" in title:
            answer["other"] = title["other"] | ({"report": reports[1]} if reports else {})
        ranked.append(answer | ({"report": reports[0]} if reports else {}))
    return ranked


mlflow.models.set_model(Recommendations())
