"""What all pictures look like, and that of a sweep."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072b2", "#e69f00", "#999999"  # told apart by colour-blind eyes too
EVENLY = 8  # values of a param that are placed evenly in the picture of a sweep, and all named
LOG = 20  # largest over smallest value from which on the scale is logarithmic


def canvas(title: str, x: str, y: str, height: float = 4.5) -> tuple[Figure, Axes]:
    """Return a figure with labelled axes; its height in inches, of a width of 7."""
    figure = Figure(figsize=(7, height), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def jobs(table: pd.DataFrame, params: list[str], metric: str) -> Figure:
    """Draw a line for each job of a sweep through its params to its ``metric``, the best in blue.

    Args:
        table: a row for each job, the best first.
        params: columns that differ, as text.
        metric: the column of the last axis; lower is better.
    """
    figure, axes = canvas(f"{len(table)} jobs, the best in blue", "", "")
    beside: dict[str, Any] = {
        "xytext": (6, 0),
        "textcoords": "offset points",
        "va": "center",
        "zorder": 3,
    }
    beside["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    heights = pd.DataFrame(index=table.index)
    for place, name in enumerate(params):
        heights[name], ticks = _places(table[name])
        for value, height in ticks.items():
            axes.annotate(value, (place, height), **beside)
    low, high = table[metric].min(), table[metric].max()
    heights[metric] = (table[metric] - low) / ((high - low) or 1)
    for row in reversed(range(len(table))):
        color, width = (BLUE, 2.5) if row == 0 else (GREY, 1.0)
        axes.plot(range(len(params) + 1), heights.iloc[row], color=color, linewidth=width)
    for value, height in ((low, 0), (high, 1)):
        axes.annotate(f"{value:.4f}", (len(params), height), **beside)
    axes.vlines(range(len(params) + 1), 0, 1, color=GREY, linewidth=0.5)
    axes.set_xticks(range(len(params) + 1), [*params, metric])
    axes.set(yticks=[], xlim=(-0.1, len(params) + 0.3))
    axes.grid(visible=False)
    return figure


def _places(values: pd.Series) -> tuple[pd.Series, dict[str, float]]:
    """Place texts between 0 and 1: a few evenly, many numbers to scale, their ends as ticks."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all() and values.nunique() > EVENLY:
        if numbers.min() > 0 and numbers.max() / numbers.min() > LOG:
            numbers = np.log(numbers)
        low, high = numbers.min(), numbers.max()
        ends = (values[numbers == end].iloc[0] for end in (low, high))
        ticks = {str(text): float(place) for place, text in enumerate(ends)}
        return (numbers - low) / (high - low), ticks
    order = sorted(values.unique(), key=_by_number)
    ticks = {value: step / max(1, len(order) - 1) for step, value in enumerate(order)}
    return values.map(ticks), ticks


def _by_number(text: str) -> tuple[float, str]:
    """Sort numbers by size, and before other texts."""
    try:
        return float(text), ""
    except ValueError:
        return float("inf"), text
