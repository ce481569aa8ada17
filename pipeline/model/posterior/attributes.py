"""What is known of users and titles before any rating is looked at, as columns of numbers."""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array
from pipeline.settings.sections import Posterior
from pipeline.tables.entities import Entities


class Description(NamedTuple):
    """One side's columns, in groups that are shrunk apart.

    Attributes:
        columns: history, then attributes, then ones: float32 [rows of its table, n].
        groups: first and last + 1 column of each group.
    """

    columns: Array
    groups: list[tuple[int, int]]


def attributes(
    settings: Posterior, items: Entities, counts: Array
) -> tuple[Array, list[tuple[str, int]]]:
    """Describe titles by what they are and by how often they are rated.

    Args:
        settings: which attributes.
        items: the item table.
        counts: training ratings of each title.

    Returns:
        float32 [titles, n]; for each column its attribute, and the index of the value, or 0.
    """
    rows = len(items.numbers)
    parts, labels = [], list[tuple[str, int]]()
    for name in settings.crosses:
        codes = items.codes[name]
        marks = np.zeros((rows, items.words[name]), np.float32)
        row, column = np.nonzero(codes > 0)  # 0 is any other value, and says nothing
        marks[row, codes[row, column]] = 1
        marks /= np.sqrt(np.maximum(marks.sum(1, keepdims=True), 1))
        there = np.flatnonzero(marks.any(0))
        parts.append(marks[:, there])
        labels += [(name, int(code)) for code in there]
    labels += [("episodes", 0), ("year", 0), ("ratings", 0)]
    return np.concatenate([*parts, items.numbers / 2, standardised(counts) / 2], 1), labels


def standardised(counts: Array) -> Array:
    """Scale log(1 + count) to mean 0, deviation 1 over the counts above 0: float32 [n, 1]."""
    logs = np.log1p(counts)
    seen = counts > 0
    scaled = (logs - logs[seen].mean()) / (logs[seen].std() or 1)
    return np.where(seen, scaled, 0).astype(np.float32)[:, None]


def describe(groups: list[Array]) -> Description:
    """Put groups of columns side by side, and ones behind them."""
    ones = np.ones((len(groups[0]), 1), np.float32)
    parts = [part for part in (*groups, ones) if part.shape[1]]
    ends = np.cumsum([part.shape[1] for part in parts]).tolist()
    return Description(np.concatenate(parts, 1), list(zip([0, *ends[:-1]], ends, strict=True)))
