"""What the intervals of predictions are computed from, as stored."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array

INTERVALS = "intervals.npz"


class Intervals(NamedTuple):
    """How far ratings are from predictions (18).

    Attributes:
        coefficients: of the level: float64 [5].
        users, titles: spread of the ratings of each user and title around their predictions,
            divided by that of all: float32 [users], [titles].
        mean: mean square of the residuals of training ratings: float64 [].
    """

    coefficients: Array
    users: Array
    titles: Array
    mean: Array


def save_intervals(folder: Path, intervals: Intervals) -> None:
    """Write what intervals are computed from to a model."""
    np.savez(folder / INTERVALS, **intervals._asdict())


def load_intervals(folder: Path) -> Intervals:
    """Read what intervals are computed from."""
    with np.load(folder / INTERVALS) as file:
        return Intervals(**file)
