"""How the jobs of a sweep compare: as a table, on the terminal, as a picture."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from pipeline.plots import BLUE, GREY, canvas
from pipeline.tracking.runs import BEST

SHOWN = (BEST, "test_mse")
EVENLY = 8  # most values of a param that are spaced evenly in the picture, and all named
LOG = 20  # ratio of the largest to the smallest value from which the scale is logarithmic


def done(run: Any) -> bool:
    """Say whether a job has its figures, or was ended early for good."""
    return "test_mse" in run.data.metrics or "pruned" in run.data.tags


def compared(children: list[Any]) -> pd.DataFrame:
    """Return a row for each job, the best first: overrides that differ, the MSEs.

    The last ones are those that were stopped early, and have no test_mse.
    """
    rows = {
        child.data.tags["job"]: dict(
            override.split("=", 1) for override in json.loads(child.data.tags["overrides"])
        )
        | {name: child.data.metrics.get(name) for name in SHOWN}
        for child in children
        if done(child)
    }
    table = pd.DataFrame(list(rows.values()))
    same = [name for name in varied(table) if len(table[name].drop_duplicates()) == 1]
    table = table.drop(columns=same)
    if table.empty or table.test_mse.isna().all():
        return table.iloc[:0]
    ended = table.sort_values(BEST).dropna(subset="test_mse")
    return pd.concat([ended, table.drop(ended.index).sort_values(BEST)], ignore_index=True)


def varied(table: pd.DataFrame) -> list[str]:
    """Return the columns of overrides."""
    return [str(name) for name in table if name not in SHOWN]


def print_jobs(jobs: pd.DataFrame) -> None:
    """Print the jobs of a sweep, the best first."""
    table = Table(title=f"{len(jobs)} jobs, the best by validation MSE first")
    for name in jobs:
        table.add_column(str(name), justify="right", overflow="fold")
    for row in jobs.itertuples(index=False):
        table.add_row(*map(_cell, row))
    Console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "stopped" if math.isnan(value) else f"{value:.4f}"
    return str(value)


def picture(table: pd.DataFrame, params: list[str], metric: str) -> Figure:
    """Draw a line per job of a sweep through its params to its ``metric``, the best in blue.

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
