"""metrics/report.html: one page that needs no network, with all that evaluate found."""

import base64
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from pipeline.evaluation.labels import NAMES
from pipeline.evaluation.leaks import GAIN, KNOWS
from pipeline.evaluation.ranking import liked
from pipeline.evaluation.segments import TABLES
from pipeline.settings.sections import Config

FIGURES = {  # name: how it is called, in what it is measured, what it means
    "mse": ("MSE", "squared rating points", "mean squared error"),
    "rmse": ("RMSE", "rating points", "its root"),
    "mae": ("MAE", "rating points", "mean distance from the true rating"),
    "r2": ("R²", "", "share of the variance of ratings that is explained"),
    "calibration_error": (
        "calibration error", "rating points",
        "how far the mean of ratings that are predicted alike is from the prediction, on average",
    ),
    "log_likelihood": (
        "log-likelihood", "nats", "mean log of the probability that the model gave the true rating"
    ),
}  # fmt: skip
PICTURES = {  # name: what it shows, for those who do not see it too
    "calibration": "Mean rating against mean prediction in twenty groups of test ratings.",
    "residual_by_rating": "Mean residual by true rating. Low ratings are predicted too high and "
    "high ones too low: any honest prediction is drawn to the middle.",
    "residual_by_popularity": "Mean residual by number of training ratings of the title.",
    "error_by_history": "MSE of the model and of user + item bias by number of training ratings of "
    "the user, with intervals.",
    "segments": "Share of the MSE of user + item bias that the model takes away, by type, decade "
    "and genre, with intervals.",
    "embedding_map": "The most rated titles, laid out so that those whose embeddings point in like "
    "directions are near to each other.",
    "learning_curve": "MSE of the network by epoch, on training and validation rows.",
}


def page(
    config: Config,
    figures: dict[str, Any],
    tables: dict[str, pd.DataFrame],
    drawn: dict[str, Figure],
    metrics: Path,
) -> str:
    """Write the page.

    Args:
        config: of the run.
        figures: of metrics/evaluate.json.
        tables: of the plots by name.
        drawn: the pictures by name.
        metrics: folder with what the stages before evaluate tell.
    """
    environment = Environment(
        loader=PackageLoader("pipeline", "evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = lambda value: f"{value:.4f}"
    environment.filters["percent"] = lambda value: f"{100 * value:.1f} %"
    environment.filters["png"] = _png
    environment.filters["count"] = lambda value: f"{value:,}"
    scale = config.dataset.min_rating, config.dataset.max_rating
    told = {
        name: json.loads((metrics / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("clean", "train")
    }
    return environment.get_template("report.html.j2").render(
        config=config,
        settings=OmegaConf.to_yaml(OmegaConf.create(asdict(config))),
        figures=figures,
        told=told,
        names=NAMES,
        described=FIGURES,
        segments=pd.concat(tables[name] for name in TABLES).to_dict("records"),
        pictures=[(drawn[name], text) for name, text in PICTURES.items() if name in drawn],
        liked=liked(scale),
        gain_limit=GAIN,
        knows_limit=KNOWS,
    )


def _png(figure: Figure) -> str:
    """Encode a picture for the page itself."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return base64.b64encode(file.getvalue()).decode("ascii")
