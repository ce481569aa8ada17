"""Histories: who rated what, not how.

The rows of the user × title matrix of ones, each divided by the root of its number of ratings as in
SVD++ (Koren 2008), are reduced to principal components. A linear map of these replaces the sum of
learned vectors of the rated titles (or of a title's raters), with far fewer parameters.
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
        basis: right singular vectors; a user's history is their sum over the n rated titles / √n:
            float32 [titles, components].
    """

    columns: Array
    basis: Array


def components(user: Array, item: Array, shape: tuple[int, int], most: int, seed: int) -> History:
    """Reduce the users' histories to principal components (Halko et al. 2011, randomised).

    For the histories of titles, swap users and titles.

    Args:
        user, item: the training rows: integers [n].
        shape: number of users and of titles.
        most: largest number of components; the matrix may have fewer.
        seed: makes the randomised method reproducible.
    """
    scale = np.bincount(user, minlength=shape[0])[user] ** -0.5
    rated = sparse.csr_matrix((scale.astype(np.float32), (user, item)), shape=shape)
    left, sizes, right = randomized_svd(
        rated, min(most, *(size - 1 for size in shape)), n_iter=4, random_state=seed
    )
    return History((left * sizes).astype(np.float32), right.T.astype(np.float32))
