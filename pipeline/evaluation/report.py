"""metrics/report.html: all results of evaluate on one page that needs no network."""

import base64
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from omegaconf import OmegaConf

from pipeline.artifact.scale import Scale
from pipeline.evaluation.labels import NAMES
from pipeline.evaluation.leaks import MAX_GAIN, MIN_RATIO
from pipeline.evaluation.metrics import MIN_USERS
from pipeline.evaluation.segments import TABLES
from pipeline.files import ends, read_json
from pipeline.settings.sections import Config

FIGURES = {  # name: title, unit, meaning
    "mse": ("MSE", "squared rating points", "mean squared error"),
    "rmse": ("RMSE", "rating points", "square root of the MSE"),
    "mae": ("MAE", "rating points", "mean absolute error"),
    "r2": ("R²", "", "share of the variance of ratings that the predictions explain"),
    "calibration_error": (
        "calibration error", "rating points",
        "mean distance between mean prediction and mean rating in groups of like predictions",
    ),
    "log_likelihood": (
        "log-likelihood", "nats", "mean log of the probability that the model gives the true rating"
    ),
}  # fmt: skip
UNDEFINED = {  # why there is no such figure
    "r2": "all ratings are equal",
    "calibration_error": f"fewer than {MIN_USERS} users have test ratings",
}
PICTURES = {  # name: caption, which is also the text for screen readers
    "calibration": "Mean rating against mean prediction in twenty groups by prediction.",
    "residual_by_rating": "Mean residual by true rating. Low ratings are predicted too high and "
    "high ones too low: any honest prediction shrinks towards the mean.",
    "residual_by_popularity": "Mean residual by number of training ratings of the title.",
    "error_by_history": "MSE of the model and of user + item bias by number of training ratings of "
    "the user, with intervals.",
    "lists_by_history": "NDCG of lists from the whole catalogue by number of training ratings of "
    "the user, with intervals.",
    "segments": "Reduction of the MSE of user + item bias by the model, by type, decade and genre, "
    "with intervals.",
    "embedding_map": "The most rated titles, laid out by t-SNE: titles are close if their "
    "embeddings point in like directions.",
    "learning_curve": "MSE of the network by epoch, on training and validation rows.",
}


def page(
    config: Config,
    figures: dict[str, Any],
    tables: dict[str, pd.DataFrame],
    pngs: dict[str, bytes],
    scale: Scale,
    metrics: Path,
) -> str:
    """Return the HTML of the page.

    Args:
        config: all settings.
        figures: contents of metrics/evaluate.json.
        tables: tables of the plots, by name.
        pngs: PNG of each picture, by name.
        scale: the scale of the ratings.
        metrics: folder with clean.json and train.json, the figures of earlier stages.
    """
    environment = Environment(
        loader=PackageLoader("pipeline", "evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["as"] = _shown
    environment.filters["figure"] = lambda value: _shown(value, "{:.4f}")
    environment.filters["percent"] = lambda value: _shown(value and 100 * value, "{:.1f} %")
    environment.filters["ends"] = ends
    environment.filters["percents"] = lambda shares: ends(
        [share and 100 * share for share in shares], "{:.1f} %"
    )
    environment.filters["base64"] = lambda png: base64.b64encode(png).decode("ascii")
    environment.filters["count"] = lambda value: f"{value:,}"
    stages = {name: read_json(metrics / f"{name}.json") for name in ("clean", "train")}
    return environment.get_template("report.html.j2").render(
        config=config,
        settings=OmegaConf.to_yaml(OmegaConf.create(asdict(config))),
        figures=figures,
        stages=stages,
        names=NAMES,
        described=FIGURES,
        undefined=UNDEFINED,
        segments=pd.concat(tables[name] for name in TABLES).to_dict("records"),
        pictures=[(pngs[name], text) for name, text in PICTURES.items() if name in pngs],
        lowest_liked=f"{scale.rating(scale.liked):g}",
        max_gain=MAX_GAIN,
        min_ratio=MIN_RATIO,
    )


def _shown(value: float | None, pattern: str) -> str:
    """Write a figure, or that there is none."""
    return "none" if value is None or not math.isfinite(value) else pattern.format(value)
