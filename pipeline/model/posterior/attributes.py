"""What is known of users and titles before any rating is looked at, as columns of numbers."""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, indicators
from pipeline.artifact.formulas import LogScale
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
    numbers = dict(zip(("episodes", "year"), items.numbers.T, strict=True))
    numbers["ratings"] = LogScale.fit(counts)(counts)
    parts = [np.zeros((len(items.numbers), 0), np.float32)]
    labels: list[tuple[str, int]] = []
    for name in settings.attributes:
        if name in numbers:
            parts.append(numbers[name][:, None] / 2)
            labels.append((name, 0))
            continue
        marks = indicators(items.codes[name], items.words[name])
        marks /= np.sqrt(np.maximum(marks.sum(1, keepdims=True), 1))
        there = np.flatnonzero(marks.any(0))
        parts.append(marks[:, there])
        labels += [(name, int(code)) for code in there]
    return np.concatenate(parts, 1), labels


def describe(groups: list[Array]) -> Description:
    """Put groups of columns side by side, and ones behind them."""
    ones = np.ones((len(groups[0]), 1), np.float32)
    parts = [part for part in (*groups, ones) if part.shape[1]]
    ends = np.cumsum([part.shape[1] for part in parts]).tolist()
    return Description(np.concatenate(parts, 1), list(zip([0, *ends[:-1]], ends, strict=True)))
