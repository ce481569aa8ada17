"""Histories: who rated what, not how.

The rows of the user × title matrix of ones, each divided by the root of its length as in SVD++
(Koren 2008), are reduced to their leading principal components. These span what learned sums over
the rated titles (or over a title's raters) would, at a fraction of the parameters.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from pipeline.arrays import Array


class History(NamedTuple):
    """Histories as principal components, scaled by their singular values.

    Attributes:
        columns: float32 [users, components].
        basis: what a title adds to them, before the root of the number of titles is divided by:
            float32 [titles, components].
    """

    columns: Array
    basis: Array


def components(user: Array, item: Array, shape: tuple[int, int], most: int, seed: int) -> History:
    """Reduce each user's history to principal components.

    Args:
        user, item: the training rows [n].
        shape: numbers of users and of titles.
        most: how many components; fewer where the matrix has less.
        seed: of the randomised method (Halko et al. 2011).
    """
    scale = np.bincount(user, minlength=shape[0])[user] ** -0.5
    rated = sparse.csr_matrix((scale.astype(np.float32), (user, item)), shape=shape)
    left, sizes, right = randomized_svd(
        rated, min(most, *(size - 1 for size in shape)), n_iter=4, random_state=seed
    )
    return History((left * sizes).astype(np.float32), right.T.astype(np.float32))
