"""Stage evaluate: how good the model is on the test rows, where, and whether to believe it.

In: models/, data/features and what the stages before tell in metrics/. Out: metrics/evaluate.json,
the tables of the plots in metrics/plots, metrics/report.html, and all of it in the MLflow run that
train opened. A leak of test ratings into what the model knows stops it before anything is written.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from threadpoolctl import threadpool_limits

from pipeline.config import load
from pipeline.errors import run_stage
from pipeline.evaluation import ranking
from pipeline.evaluation.metrics import GROUPS, Bootstrap, by_size, difference, measure
from pipeline.files import replace_csv, replace_json, replace_text
from pipeline.paths import FEATURES, METRICS, MODELS, PLOTS, REPORT
from pipeline.settings.sections import Config, Evaluate
from pipeline.tables.rows import read_rows
from pipeline.tracking import champion, logs, runs

if TYPE_CHECKING:
    from pipeline.evaluation.references import Peers
    from pipeline.model.saved import Predictor


class Evaluation(NamedTuple):
    """What evaluate found.

    Attributes:
        figures: of metrics/evaluate.json.
        tables: of the plots, by name.
        tested: user and item (their index), rating and prediction of all test rows.
    """

    figures: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    tested: pd.DataFrame


def evaluate(settings: Evaluate, features: Path, predictor: "Predictor") -> Evaluation:
    """Predict the test rows, measure, and compare.

    Raises:
        UserError: something that is known of the rows knows their ratings.
    """
    from pipeline.evaluation import embedding_map, segments
    from pipeline.evaluation.references import peers

    bootstrap = Bootstrap(settings.bootstrap, settings.seed)
    known = peers(features.resolve(), predictor.scale, bootstrap, settings.sample)
    rows, rating = read_rows(features, "test")
    user, prediction = rows["user"], predictor.rows(rows)
    likelihood = predictor.log_likelihood(rows, rating)
    found = measure(rating, prediction, user, bootstrap, likelihood)

    errors, compared = prediction - rating, {}
    for name, (there, values) in known.predictions.items():
        theirs = (values - rating[there]) ** 2
        compared[name] = {"mse": float(theirs.mean()), "n": len(theirs)}
        compared[name] |= difference(errors[there] ** 2, theirs, user[there], bootstrap)

    test = ranking.Test(user, rows["item"], rating)
    figures = {
        **found.point,
        "n": len(rating),
        "ci95": found.ci95,
        "gain_over_user_item_bias": 1 - found.point["mse"] / compared["user_item_bias"]["mse"],
        "baselines": compared,
        "ranking": rank(settings, test, prediction, known, predictor, bootstrap),
        "leaks": known.leaks,
    }
    ways = segments.ways(rows, rating, features)
    base = known.predictions["user_item_bias"][1] - rating
    tables = {
        "calibration": calibration(rating, prediction),
        **segments.tables(ways, errors, base, user, bootstrap),
        "embedding_map": embedding_map.table(predictor, segments.read_titles(features)),
    }
    columns = {"user": user, "item": rows["item"], "rating": rating, "prediction": prediction}
    return Evaluation(figures, tables, pd.DataFrame(columns))


def calibration(rating: np.ndarray, prediction: np.ndarray) -> pd.DataFrame:
    """Compare predicted with true ratings in groups: predicted and actual (mean of each), and n."""
    columns = {"predicted": prediction.astype(np.float64), "actual": rating, "n": 1}
    groups = pd.DataFrame(columns).groupby(by_size(prediction, GROUPS))
    return groups.agg({"predicted": "mean", "actual": "mean", "n": "sum"})


def rank(
    settings: Evaluate,
    test: ranking.Test,
    prediction: np.ndarray,
    known: "Peers",
    predictor: "Predictor",
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Order the held-out titles, and make lists of the whole catalogue, for some users."""
    users, items = predictor.model.users, predictor.model.items
    shape, (user, item, _) = (len(users.numbers), len(items.numbers)), known.pairs
    seen = sparse.csr_array((np.ones(len(user), np.int32), (user, item)), shape)
    counts = np.bincount(item, minlength=shape[1])
    nobody = np.full(shape[1], len(known.fit.users))  # has no bias, which would change no order
    biased = known.fit.predict(nobody, np.arange(shape[1]))
    gain = ranking.gains(test.rating, predictor.scale)
    chosen = ranking.drawn(test, gain, settings.ranking_users, settings.seed)
    scores: dict[str, ranking.Score] = {
        "model": predictor.matrix,
        "user_item_bias": lambda user, item: np.tile(biased[item], (len(user), 1)),
        "most_rated": lambda user, item: np.tile(counts[item], (len(user), 1)),
    }
    codes = items.codes["genres"]
    where, place = np.nonzero(codes > 0)
    marks = (np.ones(len(where), np.float32), (where, codes[where, place]))
    genres = sparse.csr_array(marks, (shape[1], items.words["genres"]))
    return {
        "users": len(chosen),
        "held_out": ranking.held_out(test, prediction, gain, chosen, bootstrap),
        "catalogue": ranking.catalogue(test, gain, chosen, seen, genres, scores, bootstrap),
    }


def floor(known: Path) -> dict[str, float]:
    """Return ``noise_floor``, the lowest MSE that is possible, if the source knows it."""
    facts = json.loads(known.read_text(encoding="utf-8"))
    return {"noise_floor": facts["noise_floor"]} if "noise_floor" in facts else {}


def pictures(found: Evaluation, scale: tuple[int, int]) -> dict[str, Any]:
    """Draw all pictures, by name."""
    from pipeline.evaluation import pictures as draw
    from pipeline.evaluation.segments import POPULARITY

    tables = found.tables
    drawn = {
        "learning_curve": draw.learning_curve(pd.read_csv(PLOTS / "learning_curve.csv")),
        "calibration": draw.calibration(tables["calibration"], scale),
        "residual_by_rating": draw.residual(tables["residual_by_rating"], "true rating"),
        "residual_by_popularity": draw.residual(tables["residual_by_popularity"], POPULARITY),
        "error_by_history": draw.error_by_history(tables["error_by_history"]),
        "segments": draw.segments(tables["segments"]),
    }
    if len(tables["embedding_map"]):
        drawn["embedding_map"] = draw.embedding_map(tables["embedding_map"])
    return drawn


def main() -> None:
    """Run the stage on params.yaml."""
    config: Config = load()
    from pipeline.evaluation import report
    from pipeline.model.saved import Predictor

    predictor = Predictor(MODELS)
    trained = (MODELS / "run_id").read_text().strip()
    # Two threads that wait for each other while another process has a core take ten times as long.
    with runs.run(config, resume=trained) as run, threadpool_limits(1):
        found = evaluate(config.evaluate, FEATURES, predictor)
        found.figures.update(floor(METRICS / "download.json"))
        drawn = pictures(found, predictor.scale)
        page = report.page(config, found.figures, found.tables, drawn, METRICS)
        logs.log_test(config, found.figures, drawn, page)
        if run.info.run_id == trained:  # it has the model; one of another machine does not
            champion.challenge(config, run, found.tested)
    for name, table in found.tables.items():
        replace_csv(PLOTS / f"{name}.csv", table)
    replace_json(METRICS / "evaluate.json", found.figures)
    replace_text(REPORT, page)


if __name__ == "__main__":
    run_stage(main, __doc__)
