"""What the users of the data have on their lists."""

from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse

from pipeline.arrays import Array, Ints
from pipeline.artifact.folder import read_ratings, read_watched_titles


class UserLists:
    """The ratings of all users, and what they watched without a rating, as stored with a model.

    Args:
        folder: the model's folder.
        n_titles: rows of the item table.
    """

    def __init__(self, folder: Path, n_titles: int) -> None:
        self._ratings = read_ratings(folder, "user", "item", "rating")
        self._watched, self._n_titles = read_watched_titles(folder), n_titles

    @cached_property
    def raters(self) -> Ints:
        """Rows of all users with ratings, ascending."""
        rows = np.flatnonzero(np.bincount(self._ratings[0]))
        return rows[rows > 0]  # row 0 is any unknown user

    def ratings(self, first: int, last: int) -> list[Array]:
        """Return user, item and rating of all ratings of the users in rows first to last."""
        return _of_users(self._ratings, first, last)

    def watched(self, first: int, last: int) -> list[Array]:
        """Return user and item of what the users in rows first to last watched without rating."""
        return _of_users(self._watched, first, last)

    def matrix(self, user: Ints) -> sparse.csr_matrix:
        """Return 1 where a title is on the list of users, ascending rows: float32 [n, titles]."""
        parts = self.ratings(user[0], user[-1])[:2], self.watched(user[0], user[-1])
        owner, item = (np.concatenate(both) for both in zip(*parts, strict=True))
        here = np.isin(owner, user)
        cells = np.searchsorted(user, owner[here]), item[here]
        shape = len(user), self._n_titles
        return sparse.csr_matrix((np.ones(len(cells[0]), np.float32), cells), shape)


def _of_users(columns: list[Array], first: int, last: int) -> list[Array]:
    """Return the part of columns sorted by user, which come first, of users first to last."""
    user = columns[0]
    # Bounds of another type would make searchsorted copy the whole column.
    ends = np.searchsorted(user, np.array([first, last + 1], user.dtype))
    return [column[slice(*ends)] for column in columns]
