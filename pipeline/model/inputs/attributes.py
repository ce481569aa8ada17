"""Attributes of titles, and the inputs x of the prior mean (5), as columns of numbers."""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, indicators
from pipeline.artifact.formulas import LogScale
from pipeline.tables.entities import Entities


class Description(NamedTuple):
    """Inputs x of the prior mean (5) of all users, or of all titles.

    Attributes:
        columns: history, then attributes, then the constant 1: float32 [users or titles, n].
        groups: (start, end) of the columns of each group; the prior has a shrinkage per group.
    """

    columns: Array
    groups: list[tuple[int, int]]


def attributes(
    names: list[str], items: Entities, counts: Array
) -> tuple[Array, list[tuple[str, int]]]:
    """Encode titles' attributes: indicators / √(number of values), standardised numbers / 2.

    Args:
        names: which attributes; any that is not one, such as the title itself, is left out.
        items: the item table.
        counts: number of training ratings of each title: integers [titles].

    Returns:
        float32 [titles, columns]; attribute and vocabulary index (0 for a number) of each column.
    """
    numbers = dict(zip(("episodes", "year"), items.numbers.T, strict=True))
    numbers["ratings"] = LogScale.fit(counts)(counts)
    parts = [np.zeros((len(items.numbers), 0), np.float32)]
    labels: list[tuple[str, int]] = []
    for name in names:
        if name in numbers:
            parts.append(numbers[name][:, None] / 2)
            labels.append((name, 0))
        if name not in items.codes:
            continue
        marks = indicators(items.codes[name], items.words[name])
        marks /= np.sqrt(np.maximum(marks.sum(1, keepdims=True), 1))
        present = np.flatnonzero(marks.any(0))
        parts.append(marks[:, present])
        labels += [(name, int(code)) for code in present]
    return np.concatenate(parts, 1), labels


def describe(groups: list[Array]) -> Description:
    """Join groups of columns [rows, …] and append the constant; empty groups are left out."""
    ones = np.ones((len(groups[0]), 1), np.float32)
    parts = [part for part in (*groups, ones) if part.shape[1]]
    ends = np.cumsum([part.shape[1] for part in parts]).tolist()
    return Description(np.concatenate(parts, 1), list(zip([0, *ends[:-1]], ends, strict=True)))
