"""Who has both of two titles on their list, whatever the ratings: the counts behind both crosses.

Similar titles (14) and the crosses for "would they watch it" (15) are computed from the same matrix
of counts, in which people with long lists count less. It sees no rating, so it may serve to predict
any. Numbers in parentheses are those of the equations in docs/model.md.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from pipeline.arrays import Array

BLOCK = 512  # titles counted at a time: bounds memory


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
    rows = sparse.csr_matrix((share, (user, item)))
    columns = rows.tocsc()
    counts = np.empty((len(people), len(people)), np.float32)
    for start in range(0, len(people), BLOCK):
        counts[start : start + BLOCK] = (columns[:, start : start + BLOCK].T @ rows).toarray()
    return Together(counts, people, scale * float((lengths**1.5).sum()) / len(user) ** 2)
