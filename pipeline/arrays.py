"""Types of arrays, and the one step from codes to columns that several rooms need."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


def indicators(codes: Array, values: int) -> Floats:
    """Turn the codes of an attribute into one column per value.

    Args:
        codes: int32 [rows, most values of a row], filled up with -1. Code 0 stands for any value
            outside the vocabulary and marks nothing.
        values: size of the vocabulary, code 0 included.

    Returns:
        float32 [rows, values]: 1 where the row has the value.
    """
    marks = np.zeros((len(codes), values), np.float32)
    row, column = np.nonzero(codes > 0)
    marks[row, codes[row, column]] = 1
    return marks
