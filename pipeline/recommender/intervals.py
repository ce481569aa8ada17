"""Intervals that hold 80 % of ratings, whoever the user and whatever the title.

The model's own distribution says which grades are likelier than others; how wide an interval must
be is fitted to the validation rows, as a quantile regression (conformal prediction; Romano et al.
2019, arXiv 1905.03222). Numbers in parentheses are those of the equations in docs/model.md.
"""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.intervals import Intervals
from pipeline.artifact.scale import Scale
from pipeline.recommender.grade_chances import complete

PSEUDO_COUNT = 20.0  # usual squared residuals that are added to those of a user or title
LEVELS = 0.05, 0.99  # lowest and highest level


class Known(NamedTuple):
    """What the level of an interval depends on; each [n], or one for all.

    Attributes:
        user_count, title_count: number of training ratings of the user and of the title.
        user_spread, title_spread: their spreads, relative to that of all ratings.
    """

    user_count: Array
    title_count: Array
    user_spread: Array
    title_spread: Array

    def columns(self) -> Floats:
        """Return the columns of the regression: float64 [n, 4]."""
        logs = np.log1p(self.user_count), np.log1p(self.title_count)
        spreads = np.subtract(self.user_spread, 1), np.subtract(self.title_spread, 1)
        return np.stack(np.broadcast_arrays(*logs, *spreads), -1).astype(np.float64)


def spreads(rows: Ints, residual: Array, size: int, mean: float) -> Array:
    """Return the root mean square of the residuals of each user or title, divided by that of all.

    Args:
        rows: the user, or title, of each rating [n].
        residual: rating minus prediction [n].
        size: number of users, or titles.
        mean: mean square of all residuals.

    Returns:
        float32 [size]; 1 without ratings.
    """
    total, count = (np.bincount(rows, values, size) for values in (residual**2, None))
    return np.sqrt((total / (mean or 1) + PSEUDO_COUNT) / (count + PSEUDO_COUNT)).astype(np.float32)


def levels(intervals: Intervals, known: Known) -> Floats:
    """(18): return the chance between the ends of each interval: float64 [n]."""
    constant, *weights = intervals.coefficients
    return np.clip(constant + known.columns() @ np.array(weights), *LEVELS)


def interval(tails: Array, level: Floats, scale: Scale) -> tuple[Floats, Floats]:
    """Return the ends of the central interval of each distribution: [n] each.

    A grade's chance is spread evenly between half a step below and half a step above it.

    Args:
        tails: chance of more than each grade but the highest [n, grades - 1].
        level: chance between the two ends of each [n].
        scale: the scale of the ratings.
    """
    below, rows = 1 - complete(tails), np.arange(len(tails))
    ends = []
    for chance in ((1 - level) / 2, (1 + level) / 2):
        grade = np.clip((below < chance[:, None]).sum(1) - 1, 0, tails.shape[1])
        left, right = below[rows, grade], below[rows, grade + 1]
        inside = (chance - left) / np.maximum(right - left, 1e-9)
        ends.append(scale.clip(scale.rating(grade - 0.5) + scale.step * inside))
    return ends[0], ends[1]
