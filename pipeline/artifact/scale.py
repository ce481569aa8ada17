"""The scale of ratings: its ends, and the grades on it that the ordered probit knows."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array, Floats, Ints
from pipeline.settings.sections import Dataset

LIKED = 0.75  # a rating is liked from this share of the way from the lowest to the highest on
MOST = 20  # most steps from the lowest to the highest grade
ROUND = (1, 2, 2.5, 5)  # steps that people choose are these times a power of ten
NEAR = 1e-3  # in steps: a rating so close to a grade is on it; float32 holds 8.9 less exactly


class Scale(NamedTuple):
    """The scale of ratings. Grades are evenly spaced on it; a rating may lie between two.

    Attributes:
        low, high: lowest and highest rating.
        step: distance between grades.
    """

    low: float
    high: float
    step: float = 1.0

    @property
    def grades(self) -> int:
        """The number of grades, at least 2."""
        return round((self.high - self.low) / self.step) + 1

    @property
    def values(self) -> list[float]:
        """The rating of each grade, from the lowest to the highest."""
        return [round(self.low + self.step * grade, 9) for grade in range(self.grades)]

    @property
    def midpoints(self) -> Floats:
        """Ratings midway between grades: float32 [grades - 1]."""
        return (self.low + self.step * (np.arange(self.grades - 1) + 0.5)).astype(np.float32)

    @property
    def liked(self) -> int:
        """The lowest grade, counted from 0, that is liked: in the upper quarter of the scale."""
        return math.ceil(LIKED * (self.grades - 1) - NEAR)

    @property
    def in_steps(self) -> "Scale":
        """The same scale with the step as the unit of ratings."""
        return Scale(self.low / self.step, self.high / self.step)

    def grade(self, rating: Array | float) -> Ints:
        """Return the grades nearest to ratings, counted from 0: int64 [n]."""
        nearest = np.rint((np.asarray(rating) - self.low) / self.step)
        return np.clip(nearest, 0, self.grades - 1).astype(np.int64)

    def rating(self, grade: Any) -> Any:
        """Return the ratings of grades, counted from 0, which may be fractions; also of tensors."""
        return self.low + self.step * grade

    def clip(self, rating: Array) -> Array:
        """Return ratings, those off the scale replaced by its nearer end."""
        return np.clip(rating, self.low, self.high)


def scale_of(dataset: Dataset, ratings: Array) -> Scale:
    """Return the scale of a data set with the step between the grades of its ratings.

    Whole ratings have the step 1, if that makes at most MOST steps. Otherwise it is the largest
    step at which all ratings are grades. Without one, it is the smallest round one that allows no
    more than MOST steps, and ratings count as the nearest grade where the model knows grades only.

    Args:
        dataset: the ends of the scale.
        ratings: the distinct training ratings [n].
    """
    low, span = float(dataset.min_rating), float(dataset.max_rating - dataset.min_rating)
    ends = np.array([low, low + span])
    whole = _whole(np.concatenate([ends, ratings]))
    if whole and span <= MOST:
        return Scale(low, low + span)
    above = (ratings.astype(np.float64) - low) / span
    for steps in range(1, MOST + 1):
        if _whole(above * steps):
            return Scale(low, low + span, span / steps)
    steps = max((n for n in range(1, MOST + 1) if _round(span / n)), default=MOST)
    return Scale(low, low + span, span / steps)


def training_scale(dataset: Dataset, features: Path) -> Scale:
    """Return the scale of a data set with the step between the grades of its training ratings."""
    column = pq.read_table(features / "train.parquet", columns=["rating"])["rating"]
    return scale_of(dataset, column.unique().to_numpy())


def _whole(values: Array) -> bool:
    return bool((np.abs(values - np.rint(values)) < NEAR).all())


def _round(step: float) -> bool:
    """Whether a step is one of ROUND times a power of ten."""
    first = step / 10 ** math.floor(math.log10(step) + 1e-9)
    return any(math.isclose(first, digits) for digits in ROUND)
