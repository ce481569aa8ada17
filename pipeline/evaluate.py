"""Stage evaluate: measure the model on the test rows, beside simple baselines on the same rows.

In: models/, data/features and what metrics/download.json says that is known of the ratings. Out:
metrics/evaluate.json, the tables of the plots in metrics/plots, and all of it in the MLflow run
that train opened.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline import baselines, champion, metrics, plots, tracking
from pipeline.config import Evaluate, load
from pipeline.errors import run_stage
from pipeline.rows import read_rows
from pipeline.tables import FEATURES, METRICS, MODELS, PLOTS, replace_csv, replace_json

if TYPE_CHECKING:
    from pipeline.model.saved import Predictor


def evaluate(
    settings: Evaluate, features: Path, predictor: "Predictor"
) -> tuple[dict[str, Any], dict[str, pd.DataFrame], pd.DataFrame]:
    """Predict the test rows and measure.

    The baselines may learn from the validation rows too, as no choice rests on those here.

    Returns:
        The figures of metrics/evaluate.json; the tables of the plots by name; user and item (their
        index), rating and prediction of all test rows.
    """
    parts = [read_rows(features, part) for part in ("train", "valid")]
    user, item = (np.concatenate([rows[name] for rows, _ in parts]) for name in ("user", "item"))
    mean, user_bias, item_bias = baselines.biases(user, item, np.concatenate([r for _, r in parts]))
    rows, rating = read_rows(features, "test")
    bias = baselines.predict(mean, user_bias, item_bias, rows["user"], rows["item"])
    predictions = {
        "model": predictor.rows(rows),
        "user_item_bias": np.clip(bias, *predictor.scale),
        "global_mean": np.full(len(rating), mean),
    }
    found = {name: metrics.errors(rating, values) for name, values in predictions.items()}
    mses = {name: errors["mse"] for name, errors in found.items()}
    squared = (predictions["model"].astype(np.float64) - rating) ** 2
    figures = {
        **found["model"],
        "n": len(rating),
        "mse_ci95": metrics.interval(squared, rows["user"], settings.bootstrap, settings.seed),
        "baselines": {name: mses[name] for name in ("global_mean", "user_item_bias")},
        "gain_over_user_item_bias": 1 - mses["model"] / mses["user_item_bias"],
    }
    tables = {
        "predicted_vs_actual": metrics.by_prediction(rating, predictions["model"]),
        "error_by_rating": metrics.by_rating(
            rating, {name: predictions[name] for name in ("model", "user_item_bias")}
        ),
    }
    tested = {"user": rows["user"], "item": rows["item"], "rating": rating}
    return figures, tables, pd.DataFrame(tested | {"prediction": predictions["model"]})


def floor(known: Path) -> dict[str, float]:
    """Return ``noise_floor``, the lowest MSE that is possible, if the source knows it."""
    facts = json.loads(known.read_text(encoding="utf-8"))
    return {"noise_floor": facts["noise_floor"]} if "noise_floor" in facts else {}


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    from pipeline.model.saved import Predictor

    predictor = Predictor(MODELS)
    trained = (MODELS / "run_id").read_text().strip()
    with tracking.run(config, resume=trained) as run:
        figures, tables, tested = evaluate(config.evaluate, FEATURES, predictor)
        figures |= floor(METRICS / "download.json")
        curve = pd.read_csv(PLOTS / "learning_curve.csv")
        tracking.log_test(
            config,
            figures,
            {
                "learning_curve": plots.learning_curve(curve),
                "predicted_vs_actual": plots.predicted_vs_actual(
                    tables["predicted_vs_actual"], predictor.scale
                ),
                "error_by_rating": plots.error_by_rating(tables["error_by_rating"]),
            },
        )
        if run.info.run_id == trained:  # it has the model; one of another machine does not
            champion.challenge(config, run, tested)
    for name, table in tables.items():
        replace_csv(PLOTS / f"{name}.csv", table)
    replace_json(METRICS / "evaluate.json", figures)


if __name__ == "__main__":
    run_stage(main, __doc__)
