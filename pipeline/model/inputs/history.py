"""Histories: who rated what, not how.

The rows of the user × title matrix of ones, each divided by a power of its number of ratings (the
root in SVD++, Koren 2008), are reduced to principal components. A linear map of these replaces the
sum of learned vectors of the rated titles (or of a title's raters), with far fewer parameters.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from pipeline.arrays import Array


class History(NamedTuple):
    """Histories as principal components, scaled by their singular values.

    Attributes:
        columns: histories: float32 [users, components].
        basis: right singular vectors; a user's history is their sum over the n rated titles /
            n^power: float32 [titles, components].
    """

    columns: Array
    basis: Array


def components(
    user: Array, item: Array, shape: tuple[int, int], most: int, power: float, seed: int
) -> History:
    """Reduce the users' histories to principal components (Halko et al. 2011, randomised).

    For the histories of titles, swap users and titles.

    Args:
        user, item: the training rows: integers [n].
        shape: number of users and of titles.
        most: largest number of components; the matrix may have fewer.
        power: of a user's number of ratings, by which their row is divided.
        seed: makes the randomised method reproducible.
    """
    scale = np.bincount(user, minlength=shape[0])[user] ** -power
    rated = sparse.csr_matrix((scale.astype(np.float32), (user, item)), shape=shape)
    number = min(most, *(size - 1 for size in shape))
    if not number:
        return History(*(np.zeros((size, 0), np.float32) for size in shape))
    left, sizes, right = randomized_svd(rated, number, n_iter=4, random_state=seed)
    return History((left * sizes).astype(np.float32), right.T.astype(np.float32))
