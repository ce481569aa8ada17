"""Array types, indicator columns of attribute codes, and the highest of some scores."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


def indicators(codes: Array, size: int) -> Floats:
    """Multi-hot encode an attribute: one indicator column per vocabulary value.

    Args:
        codes: int32 [rows, longest list], padded with -1. Code 0, any value outside the
            vocabulary, sets no indicator.
        size: size of the vocabulary, code 0 included.

    Returns:
        float32 [rows, size]: 1 where the row has the value, else 0.
    """
    flags = np.zeros((len(codes), size), np.float32)
    row, place = np.nonzero(codes > 0)
    flags[row, codes[row, place]] = 1
    return flags


def highest(score: Array, rows: Array, number: int) -> Array:
    """Return the ``number`` rows with the highest scores, the highest first."""
    if len(rows) > number:
        rows = rows[np.argpartition(-score[rows], number - 1)[:number]]
    return rows[np.argsort(-score[rows], kind="stable")]
