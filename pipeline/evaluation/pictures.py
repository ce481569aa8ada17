"""Pictures for the report and MLflow; DVC draws its own from the same tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.artifact.scale import Scale
from pipeline.evaluation.labels import NAMES
from pipeline.evaluation.lists import TOP
from pipeline.evaluation.segments import HISTORY, KINDS, POPULARITY
from pipeline.plots import BLUE, GREY, ORANGE, canvas

MSE = "MSE (squared rating points)"
# A palette for colour-blind readers too (Okabe & Ito 2008); the last colour is for "other".
COLORS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#bbbbbb")
MIN_SIZE = (
    20  # a segment of fewer ratings or users is not drawn: its interval would fill the picture
)


def draw(
    curve: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    lists: Mapping[str, Any],
    scale: Scale,
) -> dict[str, Figure]:
    """Return all pictures by name.

    Args:
        curve: the learning curve of the network.
        tables: tables of the plots, by name.
        lists: figures of the lists from the whole catalogue, by name.
        scale: the scale of the ratings.
    """
    drawn = {
        "learning_curve": learning_curve(curve),
        "calibration": calibration(tables["calibration"], scale),
        "residual_by_rating": residual(tables["residual_by_rating"], "true rating"),
        "residual_by_popularity": residual(tables["residual_by_popularity"], POPULARITY),
        "error_by_history": error_by_history(tables["error_by_history"]),
        "segments": segments(tables["segments"]),
    }
    if lists:
        drawn["lists_by_history"] = lists_by_history(lists)
    if len(tables["embedding_map"]):
        drawn["embedding_map"] = embedding_map(tables["embedding_map"])
    return drawn


def learning_curve(curve: pd.DataFrame) -> Figure:
    """Draw train_mse and valid_mse by epoch; the weights of the last one are kept."""
    figure, axes = canvas("Learning curve of the network", "epoch", MSE)
    axes.plot(
        curve.epoch, curve.train_mse, color=ORANGE, marker="o", label="training, with dropout"
    )
    axes.plot(curve.epoch, curve.valid_mse, color=BLUE, marker="o", label="validation")
    last = curve.iloc[-1]
    axes.annotate(
        f"{last.valid_mse:.4f}",
        (last.epoch, last.valid_mse), (0, 12), textcoords="offset points", ha="right",
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def calibration(groups: pd.DataFrame, scale: Scale) -> Figure:
    """Draw mean rating against mean prediction of the quantile groups of test rows."""
    figure, axes = canvas("Calibration (test)", "mean prediction", "mean rating")
    ends = scale.low, scale.high
    axes.plot(ends, ends, color=GREY, linestyle=":", label="perfectly calibrated")
    axes.plot(
        groups.predicted, groups.actual, color=BLUE, marker="o",
        label=f"{len(groups)} groups of about {groups.n.median():,.0f} ratings",
    )  # fmt: skip
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.legend(frameon=False)
    return figure


def _ticks(rows: pd.DataFrame) -> list[str]:
    return [f"{name}\n({n:,})" for name, n in zip(rows.segment, rows.n, strict=True)]


def _error_bars(rows: pd.DataFrame, name: str) -> np.ndarray:
    """Distance from a figure to the lower and the upper end of its interval: [2, n]."""
    point = rows[name]
    return np.abs(np.stack([point - rows[f"{name}_low"], rows[f"{name}_high"] - point]))


def residual(table: pd.DataFrame, by: str) -> Figure:
    """Draw the mean residual of each segment, with its interval."""
    label = "mean of prediction - rating (points)"
    figure, axes = canvas(f"Residual by {by} (test)", f"{by} (and test ratings)", label)
    axes.axhline(0, color=GREY, linestyle=":")
    x, bars = np.arange(len(table)), _error_bars(table, "residual")
    axes.errorbar(x, table.residual, bars, color=BLUE, marker="o", capsize=3)
    axes.set_xticks(x, _ticks(table), fontsize=8)
    return figure


def error_by_history(table: pd.DataFrame) -> Figure:
    """Draw the MSE of the model and of user + item bias in each segment, with intervals."""
    figure, axes = canvas(f"Error by {HISTORY} (test)", f"{HISTORY} (and test ratings)", MSE)
    x = np.arange(len(table))
    for name, label, color, shift in (
        ("base_mse", "user + item bias", ORANGE, 0.06),
        ("mse", "model", BLUE, -0.06),
    ):
        bars = _error_bars(table, name)
        axes.errorbar(x + shift, table[name], bars, color=color, marker="o", capsize=3, label=label)
    axes.set_xticks(x, _ticks(table), fontsize=8)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def lists_by_history(lists: Mapping[str, Any]) -> Figure:
    """Draw the NDCG of all lists by length of history, with intervals."""
    title, axis = f"Lists by {HISTORY} (test)", f"{HISTORY} (and users)"
    figure, axes = canvas(title, axis, f"NDCG@{TOP}", 5.0)
    shifts = np.linspace(-0.24, 0.24, len(lists))
    for (name, figures), color, shift in zip(lists.items(), COLORS, shifts, strict=False):
        rows = pd.DataFrame(figures["by_history"])
        rows = rows[rows.users >= MIN_SIZE]
        ends = np.array(rows.ci95.to_list()).reshape(-1, 2).T
        axes.errorbar(
            np.arange(len(rows)) + shift, rows.ndcg, np.abs(ends - rows.ndcg.to_numpy()),
            color=color, marker="o", markersize=4, capsize=2, label=NAMES[name],
            linewidth=2.5 if name == "model" else 1,
        )  # fmt: skip
    labels = [f"{row.history}\n({row.users:,})" for row in rows.itertuples()]
    axes.set_xticks(np.arange(len(rows)), labels, fontsize=8)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    return figure


def segments(table: pd.DataFrame) -> Figure:
    """Draw a bar for each kind of title: the gain over user + item bias, with its interval."""
    table = table[(table.n >= MIN_SIZE) & table.gain.notna()]
    label = "reduction of the MSE of user + item bias (%), with 95 % interval"
    height = max(4.5, 0.22 * (len(table) + 6))
    figure, axes = canvas("Gain by kind of title (test)", label, "", height)
    ticks: dict[int, str] = {}
    for by in KINDS:
        rows = table[table.by == by]
        rows = rows if by == "decade" else rows.sort_values("gain", ascending=False)
        y = max(ticks, default=-2) + 2 + np.arange(len(rows))  # a gap before the next attribute
        bars = 100 * _error_bars(rows, "gain")
        axes.barh(y, 100 * rows.gain, color=BLUE, xerr=bars, ecolor="#444444", capsize=2)
        labels = (f"{name} ({n:,})" for name, n in zip(rows.segment, rows.n, strict=True))
        ticks |= dict(zip(y.tolist(), labels, strict=True))
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_yticks(list(ticks), list(ticks.values()), fontsize=8)
    axes.invert_yaxis()
    return figure


def embedding_map(points: pd.DataFrame) -> Figure:
    """Draw the map of the most rated titles, coloured by genre and sized by ratings."""
    title = "Titles liked by the same users are close (t-SNE of embeddings)"
    figure, axes = canvas(title, "", "", 6.5)
    genres = [name for name in points.genre.value_counts().index if name != "other"]
    for genre, color in [("other", COLORS[-1]), *zip(genres, COLORS, strict=False)]:
        rows = points[points.genre == genre]
        size = 6 + 60 * rows.ratings / points.ratings.max()
        axes.scatter(rows.x, rows.y, size, color=color, label=genre, alpha=0.8, linewidths=0)
    for row in points[points.name != ""].itertuples():
        axes.annotate(
            str(row.name)[:28], (row.x, row.y), (3, 3), textcoords="offset points", fontsize=6
        )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 0))
    return figure
