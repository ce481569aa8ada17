"""The pictures of a run, as figures that MLflow stores; DVC draws its own from the same tables."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.evaluation.segments import HISTORY, KINDS, POPULARITY
from pipeline.plots import BLUE, GREY, ORANGE, canvas

MSE = "MSE (squared rating points)"
# Told apart by colour-blind eyes too (Okabe & Ito 2008); the last is for all others.
COLORS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#bbbbbb")
LEAST = 20  # ratings below which a segment is not drawn: it would only show its interval


def draw(
    curve: pd.DataFrame, tables: dict[str, pd.DataFrame], scale: tuple[int, int]
) -> dict[str, Figure]:
    """Draw all pictures, by name.

    Args:
        curve: the learning curve of the network.
        tables: of the plots, by name.
        scale: lowest and highest rating.
    """
    drawn = {
        "learning_curve": learning_curve(curve),
        "calibration": calibration(tables["calibration"], scale),
        "residual_by_rating": residual(tables["residual_by_rating"], "true rating"),
        "residual_by_popularity": residual(tables["residual_by_popularity"], POPULARITY),
        "error_by_history": error_by_history(tables["error_by_history"]),
        "segments": segments(tables["segments"]),
    }
    if len(tables["embedding_map"]):
        drawn["embedding_map"] = embedding_map(tables["embedding_map"])
    return drawn


def learning_curve(curve: pd.DataFrame) -> Figure:
    """Draw train_mse and valid_mse by epoch, the best epoch marked."""
    figure, axes = canvas("Learning curve of the network", "epoch", MSE)
    axes.plot(
        curve.epoch, curve.train_mse, color=ORANGE, marker="o", label="training, with dropout"
    )
    axes.plot(curve.epoch, curve.valid_mse, color=BLUE, marker="o", label="validation")
    best = curve.iloc[int(curve.valid_mse.argmin())]
    axes.axvline(best.epoch, color=GREY, linestyle=":")
    axes.annotate(
        f"kept: epoch {best.epoch:.0f}, {best.valid_mse:.4f}",
        (best.epoch, best.valid_mse), (-6, 40), textcoords="offset points", ha="right",
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def calibration(groups: pd.DataFrame, scale: tuple[int, int]) -> Figure:
    """Draw the mean rating against the mean prediction of each group of test rows."""
    figure, axes = canvas("Calibration (test)", "mean prediction", "mean rating")
    axes.plot(scale, scale, color=GREY, linestyle=":", label="perfectly calibrated")
    axes.plot(
        groups.predicted, groups.actual, color=BLUE, marker="o",
        label=f"{len(groups)} groups of about {groups.n.median():,.0f} ratings",
    )  # fmt: skip
    axes.set(xlim=scale, ylim=scale, aspect="equal")
    axes.legend(frameon=False)
    return figure


def _ticks(rows: pd.DataFrame) -> list[str]:
    return [f"{name}\n({n:,})" for name, n in zip(rows.segment, rows.n, strict=True)]


def _spread(rows: pd.DataFrame, name: str) -> np.ndarray:
    """How far the interval goes below and above the figure: [2, n]."""
    middle = rows[name]
    return np.abs(np.stack([middle - rows[f"{name}_low"], rows[f"{name}_high"] - middle]))


def residual(table: pd.DataFrame, by: str) -> Figure:
    """Draw the mean residual of each segment, with its interval."""
    y = "mean of prediction less rating (points)"
    figure, axes = canvas(f"Residual by {by} (test)", f"{by} (and test ratings)", y)
    axes.axhline(0, color=GREY, linestyle=":")
    place, spread = np.arange(len(table)), _spread(table, "residual")
    axes.errorbar(place, table.residual, spread, color=BLUE, marker="o", capsize=3)
    axes.set_xticks(place, _ticks(table), fontsize=8)
    return figure


def error_by_history(table: pd.DataFrame) -> Figure:
    """Draw the MSE of the model and of the bias baseline of each segment, with intervals."""
    figure, axes = canvas(f"Error by {HISTORY} (test)", f"{HISTORY} (and test ratings)", MSE)
    place = np.arange(len(table))
    for name, label, color, shift in (
        ("base_mse", "user + item bias", ORANGE, 0.06),
        ("mse", "model", BLUE, -0.06),
    ):
        spread = _spread(table, name)
        axes.errorbar(
            place + shift, table[name], spread, color=color, marker="o", capsize=3, label=label
        )
    axes.set_xticks(place, _ticks(table), fontsize=8)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def segments(table: pd.DataFrame) -> Figure:
    """Draw the gain over the bias baseline, a bar for each kind of title with its interval."""
    table = table[table.n >= LEAST]
    x = "MSE below that of user + item bias (%), with 95 % interval"
    figure, axes = canvas("Gain by kind of title (test)", x, "", max(4.5, 0.22 * (len(table) + 6)))
    ticks: dict[int, str] = {}
    for by in KINDS:
        own = table[table.by == by]
        own = own if by == "decade" else own.sort_values("gain", ascending=False)
        place = max(ticks, default=-2) + 2 + np.arange(len(own))  # a gap between the ways
        spread = 100 * _spread(own, "gain")
        axes.barh(place, 100 * own.gain, color=BLUE, xerr=spread, ecolor="#444444", capsize=2)
        labels = (f"{name} ({n:,})" for name, n in zip(own.segment, own.n, strict=True))
        ticks |= dict(zip(place.tolist(), labels, strict=True))
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_yticks(list(ticks), list(ticks.values()), fontsize=8)
    axes.invert_yaxis()
    return figure


def embedding_map(points: pd.DataFrame) -> Figure:
    """Draw the most rated titles where their embeddings put them, coloured by genre."""
    figure, axes = canvas("Titles that are liked alike (t-SNE of embeddings)", "", "", 6.5)
    genres = [name for name in points.genre.value_counts().index if name != "other"]
    for genre, color in [("other", COLORS[-1]), *zip(genres, COLORS, strict=False)]:
        own = points[points.genre == genre]
        size = 6 + 60 * own.ratings / points.ratings.max()
        axes.scatter(own.x, own.y, size, color=color, label=genre, alpha=0.8, linewidths=0)
    for row in points[points.name != ""].itertuples():
        axes.annotate(
            str(row.name)[:28], (row.x, row.y), (3, 3), textcoords="offset points", fontsize=6,
            parse_math=False,
        )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 0))
    return figure
