"""Stage evaluate: measure the model on the test rows, compare it with baselines, look for leaks.

In: models/trained, data/features and the figures of earlier stages in metrics/. Out:
metrics/evaluate.json, the tables of the plots in metrics/plots, metrics/report.html, and all of it
in the MLflow run that trained the model. If an input of the model contains test ratings, evaluate
fails before it writes anything.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from threadpoolctl import threadpool_limits

from pipeline.arrays import Array, Floats, Ints, indicators
from pipeline.artifact.folder import model_digest, read_scale
from pipeline.artifact.intervals import load_intervals
from pipeline.config import load
from pipeline.errors import UserError
from pipeline.evaluation import (
    catalogue,
    embedding_map,
    intervals,
    pictures,
    ranking,
    report,
    segments,
)
from pipeline.evaluation.lists import Score
from pipeline.evaluation.metrics import GROUPS, Bootstrap, difference, measure, quantile_groups
from pipeline.evaluation.references import References, references
from pipeline.files import (
    defined,
    inputs,
    read_json,
    replace_csv,
    replace_json,
    replace_text,
    rounded,
)
from pipeline.files.stage import run_stage
from pipeline.paths import FEATURES, METRICS, MODEL, PLOTS, REPORT
from pipeline.plots import png, without_markup
from pipeline.recommender.grades import gains
from pipeline.recommender.lists import Lists, load_lists
from pipeline.recommender.scorer import Scorer
from pipeline.settings.sections import Evaluate
from pipeline.tables.entities import read_items
from pipeline.tables.rows import read_rows
from pipeline.tracking import champion, logs, runs


class Evaluation(NamedTuple):
    """Results of evaluate.

    Attributes:
        figures: contents of metrics/evaluate.json.
        tables: tables of the plots, by name.
        tested: user, item (rows of their tables), rating and prediction of all test rows.
    """

    figures: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    tested: pd.DataFrame


def evaluate(settings: Evaluate, features: Path, model: Path) -> Evaluation:
    """Predict the test rows, measure the errors, and compare them with those of the baselines.

    Args:
        settings: settings of the stage.
        features: folder of the feature tables.
        model: folder of the model.

    Raises:
        UserError: a leak probe found that an input of the model contains ratings it must predict.
    """
    bootstrap, scorer = Bootstrap(settings.bootstrap, settings.seed), Scorer(model)
    lists = load_lists(model, scorer)
    baselines = references(
        features.resolve(), scorer.scale, bootstrap, settings.max_baseline_ratings
    )
    rows, rating = read_rows(features, "test")
    user = rows["user"]
    prediction, tails = lists.chances.of_pairs(user, rows["item"])
    likelihood = lists.chances.log_likelihood(tails, rating)
    held, width = intervals.held(load_intervals(model), tails, rating, rows, scorer.scale)
    measured = measure(rating, prediction, user, bootstrap, likelihood)
    compared = compare(prediction - rating, rating, user, baselines, bootstrap)
    test = ranking.Test(user, rows["item"], rating)
    figures = {
        **measured.point,
        **dict.fromkeys(report.UNDEFINED.keys() - measured.point.keys()),
        "n": len(rating),
        "ci95": measured.ci95,
        "gain_over_user_item_bias": removed_share(
            measured.point["mse"], compared["user_item_bias"]["mse"]
        ),
        "baselines": compared,
        "interval": intervals.figures(held, width, user, bootstrap),
        "ranking": rank(settings, features, test, prediction, baselines, lists, bootstrap),
        "leaks": baselines.leaks,
    }
    segmentations = segments.segmentations(rows, rating, scorer.scale, features)
    base = baselines.predictions["user_item_bias"][1] - rating
    tables = {
        "calibration": calibration(rating, prediction),
        **segments.tables(segmentations, prediction - rating, base, held, user, bootstrap),
        "embedding_map": embedding_map.table(scorer.vectors(), segments.read_titles(features)),
    }
    return Evaluation(
        defined(figures), tables, pd.DataFrame({**test._asdict(), "prediction": prediction})
    )


def removed_share(mse: float, of_baseline: float) -> float | None:
    """Return the share of a baseline's MSE that the model removes; None where there is none."""
    return 1 - mse / of_baseline if of_baseline else None


def compare(
    error: Floats, rating: Floats, user: Array, baselines: References, bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    """Compare the model with each baseline on the test rows that the baseline predicts.

    Args:
        error: prediction of the model - rating [n].
        rating, user: rating and user of each test row [n].
        baselines: their predictions.
        bootstrap: for the intervals.

    Returns:
        For each baseline its mse, n (test rows), and the ``difference`` of the squared errors.
    """
    compared = {}
    for name, (mask, values) in baselines.predictions.items():
        theirs = (values - rating[mask]) ** 2
        compared[name] = {"mse": float(theirs.mean()), "n": len(theirs)}
        compared[name] |= difference(error[mask] ** 2, theirs, user[mask], bootstrap)
    return compared


def calibration(rating: Floats, prediction: Floats) -> pd.DataFrame:
    """Return mean prediction (predicted), mean rating (actual) and n of each quantile group."""
    columns = {"predicted": prediction.astype(np.float64), "actual": rating, "n": 1}
    groups = pd.DataFrame(columns).groupby(quantile_groups(prediction, GROUPS))
    return groups.agg({"predicted": "mean", "actual": "mean", "n": "sum"})


def rank(
    settings: Evaluate,
    features: Path,
    test: ranking.Test,
    prediction: Floats,
    baselines: References,
    lists: Lists,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Measure rankings for a sample of users: of their test titles, and of the whole catalogue."""
    items = read_items(features / "items.parquet")
    gain = gains(test.rating, lists.scorer.scale)
    sampled = ranking.sample_users(test, gain, settings.ranking_users, settings.seed)
    genres = indicators(items.codes["genres"], items.words["genres"])
    known = baselines.listed, genres, baselines.history
    scores = {"model": ordered(lists, baselines.listed)} | baselines.scores
    return {
        "users": len(sampled),
        "held_out": ranking.held_out(test, prediction, gain, sampled, bootstrap),
        "catalogue": catalogue.measure(test, gain, sampled, *known, scores, bootstrap),
    }


def ordered(lists: Lists, listed: sparse.csr_array) -> Score:
    """Return what the model's lists are ordered by.

    Args:
        lists: the model.
        listed: 1 where a title was on a user's list before the test: [users, titles].
    """
    known = sparse.csr_matrix(listed, dtype=np.float32)

    def score(user: Ints, item: Ints) -> Floats:
        rows = known[user]
        return lists.matrix(user, rows, lists.unlisted(rows))[:, item]

    return score


def noise_floor(download: Path) -> dict[str, float]:
    """Return ``noise_floor``, the lowest possible MSE, if the data source states it.

    Args:
        download: metrics/download.json.
    """
    facts = read_json(download)
    return {"noise_floor": facts["noise_floor"]} if "noise_floor" in facts else {}


def learning_curve(path: Path) -> pd.DataFrame:
    """Read the learning curve that train wrote: epoch, train_mse, valid_mse.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return pd.read_csv(path)[["epoch", "train_mse", "valid_mse"]].astype(float)
    except (ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}); `dvc repro` makes it anew.") from error


def main() -> None:
    """Run the stage on the settings in params.yaml."""
    config = load()
    inputs(FEATURES, PLOTS / "learning_curve.csv", METRICS / "download.json")
    trained, scale = model_digest(MODEL), read_scale(MODEL)
    curve = learning_curve(PLOTS / "learning_curve.csv")
    # Small matrix products: with two BLAS threads and a busy core they take ten times as long.
    with runs.run(config, trained), threadpool_limits(1):
        results = evaluate(config.evaluate, FEATURES, MODEL)
        results.figures.update(noise_floor(METRICS / "download.json"))
        lists = results.figures["ranking"]["catalogue"]
        drawn = pictures.draw(curve, results.tables, lists, scale)
        pngs = {name: png(picture) for name, picture in drawn.items()}
        page = report.page(config, results.figures, results.tables, pngs, scale, METRICS)
        logs.log_test(config, results.figures, pngs, page)
        champion.enter(results.tested)
    for name, table in results.tables.items():
        replace_csv(PLOTS / f"{name}.csv", without_markup(table))
    replace_json(METRICS / "evaluate.json", rounded(results.figures))
    replace_text(REPORT, page)


if __name__ == "__main__":
    run_stage(main, __doc__)
