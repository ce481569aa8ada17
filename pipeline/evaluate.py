"""Stage evaluate: how good the model is on the test rows, where, and whether to believe it.

In: models/trained, data/features and the figures of earlier stages in metrics/. Out:
metrics/evaluate.json, the tables of the plots in metrics/plots, metrics/report.html, and all of it
in the MLflow run that trained the model. A leak of test ratings into the model's inputs stops it
before anything is written.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.arrays import Array, Floats, indicators
from pipeline.artifact.folder import model_digest
from pipeline.config import load
from pipeline.errors import run_stage
from pipeline.evaluation import embedding_map, pictures, ranking, report, segments
from pipeline.evaluation.metrics import GROUPS, Bootstrap, by_size, difference, measure
from pipeline.evaluation.references import References, references
from pipeline.files import replace_csv, replace_json, replace_text, rounded
from pipeline.paths import FEATURES, METRICS, MODEL, PLOTS, REPORT
from pipeline.recommender.scorer import Scorer
from pipeline.settings.sections import Evaluate
from pipeline.tables.entities import read_items, read_users
from pipeline.tables.rows import read_rows
from pipeline.tracking import champion, logs, runs


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


def evaluate(settings: Evaluate, features: Path, scorer: Scorer) -> Evaluation:
    """Predict the test rows, measure, and compare.

    Raises:
        UserError: an input of the model contains ratings that it must not.
    """
    bootstrap = Bootstrap(settings.bootstrap, settings.seed)
    peers = references(
        features.resolve(), scorer.scale, bootstrap, settings.max_baseline_ratings
    )  # fmt: skip
    rows, rating = read_rows(features, "test")
    user = rows["user"]
    prediction, likelihood = scorer.judge(user, rows["item"], rating)
    found = measure(rating, prediction, user, bootstrap, likelihood)
    compared = compare(prediction - rating, rating, user, peers, bootstrap)
    test = ranking.Test(user, rows["item"], rating)
    figures = {
        **found.point,
        "n": len(rating),
        "ci95": found.ci95,
        "gain_over_user_item_bias": 1 - found.point["mse"] / compared["user_item_bias"]["mse"],
        "baselines": compared,
        "ranking": rank(settings, features, test, prediction, peers, scorer, bootstrap),
        "leaks": peers.leaks,
    }
    ways = segments.ways(rows, rating, features)
    base = peers.predictions["user_item_bias"][1] - rating
    tables = {
        "calibration": calibration(rating, prediction),
        **segments.tables(ways, prediction - rating, base, user, bootstrap),
        "embedding_map": embedding_map.table(scorer.vectors(), segments.read_titles(features)),
    }
    columns = {"user": user, "item": rows["item"], "rating": rating, "prediction": prediction}
    return Evaluation(figures, tables, pd.DataFrame(columns))


def compare(
    error: Floats, rating: Floats, user: Array, peers: References, bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    """Compare the errors of the model [n] with those of each baseline on the rows it predicts."""
    compared = {}
    for name, (there, values) in peers.predictions.items():
        theirs = (values - rating[there]) ** 2
        compared[name] = {"mse": float(theirs.mean()), "n": len(theirs)}
        compared[name] |= difference(error[there] ** 2, theirs, user[there], bootstrap)
    return compared


def calibration(rating: Floats, prediction: Floats) -> pd.DataFrame:
    """Compare predicted with true ratings in groups: predicted and actual (mean of each), and n."""
    columns = {"predicted": prediction.astype(np.float64), "actual": rating, "n": 1}
    groups = pd.DataFrame(columns).groupby(by_size(prediction, GROUPS))
    return groups.agg({"predicted": "mean", "actual": "mean", "n": "sum"})


def rank(
    settings: Evaluate,
    features: Path,
    test: ranking.Test,
    prediction: Floats,
    peers: References,
    scorer: Scorer,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Order the held-out titles, and make lists of the whole catalogue, for some users."""
    users, items = read_users(features / "users.parquet"), read_items(features / "items.parquet")
    shape = len(users.numbers), len(items.numbers)
    gain = ranking.gains(test.rating, scorer.scale)
    chosen = ranking.drawn(test, gain, settings.ranking_users, settings.seed)
    seen = ranking.seen_titles(peers.pairs.user, peers.pairs.item, shape)
    genres = indicators(items.codes["genres"], items.words["genres"])
    scores = {"model": scorer.matrix} | ranking.baseline_scores(peers.biases, seen)
    return {
        "users": len(chosen),
        "held_out": ranking.held_out(test, prediction, gain, chosen, bootstrap),
        "catalogue": ranking.catalogue(test, gain, chosen, seen, genres, scores, bootstrap),
    }


def noise_floor(known: Path) -> dict[str, float]:
    """Return ``noise_floor``, the lowest MSE that is possible, if the source knows it."""
    facts = json.loads(known.read_text(encoding="utf-8"))
    return {"noise_floor": facts["noise_floor"]} if "noise_floor" in facts else {}


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    trained, scorer = model_digest(MODEL), Scorer(MODEL)
    # Two threads that wait for each other while another process has a core take ten times as long.
    with runs.run(config, trained) as run, threadpool_limits(1):
        found = evaluate(config.evaluate, FEATURES, scorer)
        found.figures.update(noise_floor(METRICS / "download.json"))
        curve = pd.read_csv(PLOTS / "learning_curve.csv")
        drawn = pictures.draw(curve, found.tables, scorer.scale)
        page = report.page(config, found.figures, found.tables, drawn, METRICS)
        logs.log_test(config, found.figures, drawn, page)
        if champion.has_model(run.info.run_id):  # one of another machine, or settings, has none
            champion.challenge(config, run, found.tested)
    for name, table in found.tables.items():
        replace_csv(PLOTS / f"{name}.csv", table)
    replace_json(METRICS / "evaluate.json", rounded(found.figures))
    replace_text(REPORT, page)


if __name__ == "__main__":
    run_stage(main, __doc__)
