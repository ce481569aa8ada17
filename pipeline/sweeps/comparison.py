"""Comparison of the jobs of a sweep: table, terminal output, picture."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from pipeline.plots import BLUE, GREY, canvas
from pipeline.settings.overrides import pairs
from pipeline.tracking.objective import Objective

MAX_TICKS = 8  # a param with more values has an axis to scale, with ticks at both ends alone
MIN_LOG_RATIO = 20  # ratio of largest to smallest value above which that scale is logarithmic


def done(run: Any) -> bool:
    """Return whether a job needs no further run: it has its test MSE, or was pruned."""
    return "test_mse" in run.data.metrics or "pruned" in run.data.tags


def job_table(children: list[Any], by: Objective) -> pd.DataFrame:
    """Return a row for each job that is done, the best first: overrides that differ, and figures.

    The figures are those of the objective. Pruned jobs come last and have none of the test rows.
    Without any of these the table is empty.
    """
    shown = by.metric, by.test
    rows = {
        child.data.tags["job"]: dict(pairs(json.loads(child.data.tags["overrides"])))
        | {name: child.data.metrics.get(name) for name in shown}
        for child in children
        if done(child)
    }
    table = pd.DataFrame(list(rows.values()))
    names = override_columns(table, by)
    same = [name for name in names if len(table[name].drop_duplicates()) == 1]
    table = table.drop(columns=same)
    if table.empty or table[by.test].isna().all():
        return table.iloc[:0]
    best_first = table.sort_values(by.metric, ascending=not by.highest)
    tested = best_first.dropna(subset=by.test)
    pruned = best_first.drop(tested.index)
    return pd.concat([tested, pruned], ignore_index=True)


def override_columns(table: pd.DataFrame, by: Objective) -> list[str]:
    """Return the names of the columns that are overrides."""
    return [str(name) for name in table if name not in (by.metric, by.test)]


def print_jobs(jobs: pd.DataFrame, by: Objective) -> None:
    """Print the table of jobs."""
    table = Table(title=f"{len(jobs)} jobs, the best by {by.words} first")
    for name in jobs:
        table.add_column(str(name), justify="right", overflow="fold")
    for row in jobs.itertuples(index=False):
        table.add_row(*map(_cell, row))
    Console(markup=False).print(table)  # [grades] is a list, not a style


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "stopped" if math.isnan(value) else f"{value:.4f}"
    return str(value)


def picture(table: pd.DataFrame, params: list[str], metric: str) -> Figure:
    """Draw parallel coordinates: a line per job through its params to its ``metric``.

    Args:
        table: a row for each job, the best first.
        params: columns of text, an axis each.
        metric: column of the last axis.
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
    for x, name in enumerate(params):
        heights[name], ticks = _heights(table[name])
        for value, height in ticks.items():
            axes.annotate(value, (x, height), **beside)
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


def _heights(values: pd.Series) -> tuple[pd.Series, dict[str, float]]:
    """Map the values of a param to heights between 0 and 1.

    Numbers with more than MAX_TICKS values are drawn to scale, all others evenly spaced.

    Returns:
        The height of each job, and the heights of the ticks by label.
    """
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all() and values.nunique() > MAX_TICKS:
        if numbers.min() > 0 and numbers.max() / numbers.min() > MIN_LOG_RATIO:
            numbers = np.log(numbers)
        low, high = numbers.min(), numbers.max()
        ends = (values[numbers == end].iloc[0] for end in (low, high))
        ticks = {str(text): float(height) for height, text in enumerate(ends)}
        return (numbers - low) / (high - low), ticks
    order = sorted(values.unique(), key=_by_number)
    ticks = {value: step / max(1, len(order) - 1) for step, value in enumerate(order)}
    return values.map(ticks), ticks


def _by_number(text: str) -> tuple[float, str]:
    """Sort key: numbers by size, then other texts."""
    try:
        return float(text), ""
    except ValueError:
        return float("inf"), text
