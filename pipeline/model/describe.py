"""What is known of users and titles before any rating is looked at: attributes, and histories.

A history is who rated what, not how: the rows of the user × title matrix of ones, each divided by
the root of its length as in SVD++ (Koren 2008), reduced to its leading principal components. They
span what learned sums over the rated titles (or over a title's raters) would, at a fraction of the
parameters, and know no rating.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from pipeline.config import Posterior
from pipeline.model.data import Array, Entities


class Description(NamedTuple):
    """One side's columns, in groups that are shrunk apart.

    Attributes:
        columns: history, then attributes, then ones: float32 [rows of its table, n].
        groups: first and last + 1 column of each group.
    """

    columns: Array
    groups: list[tuple[int, int]]


def components(user: Array, item: Array, shape: tuple[int, int], most: int, seed: int) -> Array:
    """Reduce each user's history to principal components, scaled by their singular values.

    Args:
        user, item: the training rows [n].
        shape: numbers of users and of titles.
        most: how many components; fewer where the matrix has less.
        seed: of the randomised method (Halko et al. 2011).

    Returns:
        float32 [users, components].
    """
    scale = np.bincount(user, minlength=shape[0])[user] ** -0.5
    rated = sparse.csr_matrix((scale.astype(np.float32), (user, item)), shape=shape)
    left, sizes, _ = randomized_svd(
        rated, min(most, *(size - 1 for size in shape)), n_iter=4, random_state=seed
    )
    return (left * sizes).astype(np.float32)


def attributes(settings: Posterior, items: Entities, counts: Array) -> Array:
    """Describe titles by what they are and by how often they are rated: float32 [titles, n].

    Args:
        settings: which attributes.
        items: the item table.
        counts: training ratings of each title.
    """
    rows = len(items.numbers)
    parts = []
    for name in settings.crosses:
        codes = items.codes[name]
        marks = np.zeros((rows, items.words[name]), np.float32)
        row, column = np.nonzero(codes > 0)  # 0 is any other value, and says nothing
        marks[row, codes[row, column]] = 1
        marks /= np.sqrt(np.maximum(marks.sum(1, keepdims=True), 1))
        parts.append(marks[:, marks.any(0)])
    return np.concatenate([*parts, items.numbers / 2, standardised(counts) / 2], 1)


def standardised(counts: Array) -> Array:
    """Scale log(1 + count) to mean 0, deviation 1 over the counts above 0: float32 [n, 1]."""
    logs = np.log1p(counts)
    seen = counts > 0
    scaled = (logs - logs[seen].mean()) / (logs[seen].std() or 1)
    return np.where(seen, scaled, 0).astype(np.float32)[:, None]


def describe(groups: list[Array]) -> Description:
    """Put groups of columns side by side, and ones behind them."""
    ones = np.ones((len(groups[0]), 1), np.float32)
    parts = [part for part in (*groups, ones) if part.shape[1]]
    ends = np.cumsum([part.shape[1] for part in parts]).tolist()
    return Description(np.concatenate(parts, 1), list(zip([0, *ends[:-1]], ends, strict=True)))
