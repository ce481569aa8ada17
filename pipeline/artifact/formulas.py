"""Formulas that training (TensorFlow) and answering (NumPy) share.

Numbers in parentheses are those of the equations in docs/model.md.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pipeline.arrays import Array

NOISE_PSEUDO_COUNT = 40.0  # (9): shrinks users' noise as if 40 usual squared errors were added
FAR = 1e4  # stands for infinity in (3) and (4): beyond all thresholds, yet finite in products

GOLDEN_RATIO = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: its multiples spread evenly
MURMUR_FACTORS = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)


class Layout(NamedTuple):
    """Layout of a weight vector: embedding, then bias, then crosses.

    Attributes:
        embedding: width of the embedding; 0 without a deep part.
        wide: whether a bias follows, and for users the cross weights.
    """

    embedding: int
    wide: bool

    def split(self, weights: Any) -> tuple[Any, Any, Any]:
        """Split weights [..., n], an array or a tensor.

        Returns:
            embedding [..., k], bias [...], crosses [..., m]; the last two are None without a wide
            part. The crosses of titles are empty.
        """
        k = self.embedding
        if not self.wide:
            return weights[..., :k], None, None
        return weights[..., :k], weights[..., k], weights[..., k + 1 :]


class LogScale(NamedTuple):
    """(7): log-count, standardised over the counts above 0."""

    mean: float
    deviation: float

    @classmethod
    def fit(cls, counts: Array) -> "LogScale":
        """Compute mean and standard deviation of log(1 + count) over the counts [n] above 0."""
        logs = np.log1p(counts[counts > 0])
        return cls(logs.mean(), logs.std() or 1.0)

    def __call__(self, counts: Array) -> Array:
        """Standardise counts [n]; a count of 0 gives 0, the mean: float32 [n]."""
        scaled = (np.log1p(counts) - self.mean) / self.deviation
        return np.where(counts > 0, scaled, 0).astype(np.float32)


def hashed_cross(
    left: Any,
    right: Any,
    buckets: int,
    shift_right: Callable[..., Any],
    xor: Callable[..., Any],
) -> Any:
    """(8): hash pairs of indices to buckets, with the finaliser of MurmurHash3.

    Args:
        left, right: user and title: uint64 arrays or tensors whose shapes broadcast.
        buckets: number of rows of the weight table.
        shift_right, xor: bitwise operations of NumPy or TensorFlow.

    Returns:
        uint64, in [0, buckets).
    """
    key = left * 2**32 + right + GOLDEN_RATIO
    for factor in MURMUR_FACTORS:
        key = xor(key, shift_right(key, 33)) * factor
    return xor(key, shift_right(key, 33)) % buckets
