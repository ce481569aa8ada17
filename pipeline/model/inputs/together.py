"""Who has both of two titles on their list, whatever the ratings: the counts behind both crosses.

Similar titles (14) and the crosses for "would they watch it" (15) are computed from the same matrix
of counts, in which people with long lists count less. It sees no rating, so it may serve to predict
any. Numbers in parentheses are those of the equations in docs/model.md.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import sparse

from pipeline.arrays import Array
from pipeline.artifact.ridge import gram

BLOCK = 512  # titles at a time: bounds memory


class Together(NamedTuple):
    """Weighted counts of people who have both of two titles.

    Attributes:
        counts: g of (14): float32 [trained titles + 1, the same].
        people: number of people who have each title: float64 [trained titles + 1].
        chance: what the count of two titles would be if people chose by these numbers alone,
            divided by the product of the two numbers.
    """

    counts: Array
    people: Array
    chance: float


def count_together(user: Array, item: Array) -> Together:
    """Count the people who have both of two titles; each counts by the root of their list's length.

    Args:
        user, item: the training rows and the rows that are watched without a rating: integers [n].
    """
    lengths, people = (np.bincount(side).astype(np.float64) for side in (user, item))
    scale = len(user) / np.sqrt(lengths).sum()  # so that weighted people add up to all
    share = (np.sqrt(scale) * lengths[user] ** -0.25).astype(np.float32)
    counts = gram(sparse.csr_matrix((share, (user, item))))
    return Together(counts, people, scale * float((lengths**1.5).sum()) / len(user) ** 2)


def strongest(rows: Callable[[Array], Array], size: int, most: int) -> tuple[Array, Array]:
    """Find the entries of each row of a matrix of titles that are farthest from 0.

    Args:
        rows: returns some rows of the matrix [m, size], which are overwritten, given which [m].
        size: number of titles.
        most: how many entries of each row; the one on the diagonal counts as 0.

    Returns:
        Their columns, int32, and their values, float32: [size, at most ``most``] each.
    """
    most, columns, values = min(most, size - 1), list[Array](), list[Array]()
    for start in range(0, size, BLOCK):
        block = np.arange(start, min(start + BLOCK, size))
        entries = rows(block)
        entries[np.arange(len(block)), block] = 0
        best = np.argpartition(-np.abs(entries), most - 1, axis=1)[:, :most]
        columns.append(best.astype(np.int32))
        values.append(np.take_along_axis(entries, best, 1).astype(np.float32))
    return np.concatenate(columns), np.concatenate(values)
