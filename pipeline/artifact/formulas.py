"""What training, in TensorFlow, and answering, in NumPy, both compute: written once for both.

Numbers in parentheses are those of the equations in docs/model.md.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pipeline.arrays import Array

PSEUDO_COUNT = 5.0  # average ratings that a mean of few ratings is shrunk towards, as if added
NOISE_PSEUDO_COUNT = 5.0  # average squared errors added to those of a user
FAR = 1e4  # beyond any threshold between grades

GOLDEN_RATIO = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: multiples of it are spread evenly
MURMUR_FACTORS = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)


class Layout(NamedTuple):
    """How a vector of weights is laid out: embedding, then bias, then crosses.

    Attributes:
        embedding: width of the embedding; 0 where the model has no deep part.
        wide: whether a bias and, for users, weights of crosses follow.
    """

    embedding: int
    wide: bool

    def split(self, weights: Any) -> tuple[Any, Any, Any]:
        """Split weights [..., n], an array or a tensor.

        Returns:
            embedding [..., k], bias [...], crosses [..., m]; the last two are None without a wide
            part. Titles have no crosses: theirs are empty.
        """
        k = self.embedding
        if not self.wide:
            return weights[..., :k], None, None
        return weights[..., :k], weights[..., k], weights[..., k + 1 :]


class LogScale(NamedTuple):
    """(7): log(1 + count), scaled to mean 0 and deviation 1 over the counts above 0."""

    mean: float
    deviation: float

    @classmethod
    def fit(cls, counts: Array) -> "LogScale":
        """Measure mean and deviation of counts [n]; those of 0 do not matter."""
        logs = np.log1p(counts[counts > 0])
        return cls(logs.mean(), logs.std() or 1.0)

    def __call__(self, counts: Array) -> Array:
        """Scale counts [n]; a count of 0 gives 0, the mean: float32 [n]."""
        scaled = (np.log1p(counts) - self.mean) / self.deviation
        return np.where(counts > 0, scaled, 0).astype(np.float32)


def rating_history(total: Any, count: Any, log_count: Any, scale: Any) -> tuple[Any, Any]:
    """(6): describe the earlier ratings of a user, or of a title, for the network.

    Args:
        total, count: sum and number of the ratings [n], arrays or tensors.
        log_count: log(1 + count) [n].
        scale: mean and deviation of all ratings, then of log(1 + count).

    Returns:
        Their mean, shrunk and standardised [n]; their number, on a standardised log scale [n].
    """
    mean, deviation, log_mean, log_deviation = scale
    above = (total - count * mean) / (count + PSEUDO_COUNT) / deviation
    return above, (log_count - log_mean) / log_deviation


def hashed_cross(
    left: Any,
    right: Any,
    salt: Any,
    buckets: int,
    shift_right: Callable[..., Any],
    xor: Callable[..., Any],
) -> Any:
    """(8): hash pairs of indices to buckets, with the last steps of MurmurHash3.

    Args:
        left, right: uint64 arrays or tensors whose shapes broadcast.
        salt: uint64, of such a shape too; tells crosses apart that share the buckets.
        buckets: size of the table.
        shift_right, xor: bitwise operations on such arrays.

    Returns:
        uint64, in [0, buckets).
    """
    key = left * 2**32 + right + (salt + 1) * GOLDEN_RATIO
    for factor in MURMUR_FACTORS:
        key = xor(key, shift_right(key, 33)) * factor
    return xor(key, shift_right(key, 33)) % buckets
