"""Neighbours: what the model missed in a user's ratings of similar titles, it will miss again.

The wide part's cross of a rated title with the candidate. Embeddings cannot hold every such pair: a
few dozen numbers per title say what a series is like, not that its second season has the fans of
its first. Numbers in parentheses are those of the equations in docs/model.md.
"""

import copy
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.similar import Similar

PSEUDO_COUNT = 100  # shrinks the strength towards 0 as if by so many ratings


class Neighbours:
    """Adds to a score what the user's ratings of similar titles tell beyond the model (13).

    Args:
        similar: the similar titles, and the strength of the sum.
        rated: user, item and residual of each rating, sorted by user and item. The residual is
            the rating minus its prediction, and never 0: [n] each.
        shape: number of rows of the user table and of the item table.

    Attributes:
        titles, weights: the similar titles of all titles: [titles, k]. Titles without training
            ratings have none.
        residuals: the residuals, 0 where a user has not rated: sparse float32 [users, titles].
    """

    def __init__(self, similar: Similar, rated: Sequence[Array], shape: tuple[int, int]) -> None:
        more = [(0, shape[1] - len(similar.titles)), (0, 0)]
        self.titles, self.weights = np.pad(similar.titles, more), np.pad(similar.weights, more)
        self.strength = float(similar.strength)
        first = int(np.searchsorted(rated[0], 1))  # row 0 is any unknown user: it has no ratings
        user, item, residual = (column[first:] for column in rated)
        ends = np.cumsum(np.bincount(user, minlength=shape[0]))
        starts = np.concatenate([[0], ends]).astype(np.int32)
        self.residuals = sparse.csr_matrix((residual, item, starts), shape)

    def subset(self, titles: Ints) -> "Neighbours":
        """Return the neighbours of some titles only, rows of the item table [n]."""
        part = copy.copy(self)
        part.titles, part.weights = self.titles[titles], self.weights[titles]
        return part

    def of_user(self, user: int) -> Array:
        """Return a user's residuals, 0 where they have not rated: float32 [titles]."""
        return self.residuals[user].toarray()[0]

    def shift(self, residual: Array) -> Array:
        """(13): return what is added to the scores of the titles: float32 [titles].

        Args:
            residual: the user's residuals, 0 where they have not rated: float32 [all titles].
        """
        return self._mean(residual[self.titles], self.weights)

    def shift_pairs(self, user: Array, item: Array) -> Array:
        """(13): return what is added to n scores for each of many users: float32 [users, n].

        Args:
            user: rows of the user table [users].
            item: rows of the item table, or of the subset [users, n].
        """
        titles = self.titles[item]
        rows = np.broadcast_to(user[:, None, None], titles.shape)
        found = np.asarray(self.residuals[rows.ravel(), titles.ravel()])
        return self._mean(found.reshape(titles.shape), self.weights[item])

    def parts(self, residual: Array, rows: Array, item: Array) -> Array:
        """Return what each rated title adds to the scores of some titles: float32 [n, rated].

        Args:
            residual: the user's residuals, 0 where they have not rated: float32 [all titles].
            rows: rows of the titles in the item table [n].
            item: rows of the rated titles [rated].
        """
        titles, weights = self.titles[rows], self.weights[rows]
        weights = weights / (1 + (weights * (residual[titles] != 0)).sum(1, keepdims=True))
        points = self.strength * weights * residual[titles]
        place = np.full(len(residual), -1)
        place[item] = np.arange(len(item))
        column = place[titles]
        row, neighbour = np.nonzero(column >= 0)
        parts = np.zeros((len(rows), len(item)), np.float32)
        parts[row, column[row, neighbour]] = points[row, neighbour]
        return parts

    def _mean(self, residual: Array, weights: Array) -> Array:
        present = weights * (residual != 0)
        return self.strength * (weights * residual).sum(-1) / (1 + present.sum(-1))


def residuals(rating: Array, predicted: Array) -> Array:
    """Return ratings minus predictions, but never 0, which would mean "not rated": float32 [n]."""
    residual = (rating - predicted).astype(np.float32)
    return np.where(residual == 0, np.finfo(np.float32).tiny, residual)


def fit_strength(shift: Array, residual: Floats) -> float:
    """Fit the strength to validation rows, by least squares shrunk towards 0; never negative.

    Args:
        shift: what a strength of 1 would add to the prediction [n].
        residual: rating minus prediction without it [n].
    """
    squares = float(shift @ shift)
    if not squares:
        return 0.0
    return max(0.0, float(shift @ residual) / squares * len(shift) / (len(shift) + PSEUDO_COUNT))
