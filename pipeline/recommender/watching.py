"""Would they watch it: what the titles on a user's list say for and against each other title.

The wide part has a weight for each pair of a title on the list and a candidate. A model without a
wide part has the product of their vectors in the histories of the deep part. Numbers in parentheses
are those of the equations in docs/model.md.
"""

import numpy as np
from scipy import sparse

from pipeline.arrays import Array, Ints
from pipeline.artifact.watch import Watch

BASE = 0.1  # share of everybody's chance in that of a user: it decides where a list says little
WIDTH = 64  # components of the histories that a model without crosses compares


class Watching:
    """Chances that a title is on a user's list, given the other titles on it.

    Args:
        watch: the crosses.
        basis: right singular vectors of the histories: float32 [trained titles + 1, components].
        raters: number of training ratings of each title [titles].
        n_users: number of users with training ratings.

    Attributes:
        base: what a title has whatever the list: float32 [titles].
    """

    def __init__(self, watch: Watch, basis: Array, raters: Ints, n_users: int) -> None:
        self.base = (BASE * raters / max(1, n_users)).astype(np.float32)
        trained, kept = watch.titles.shape
        n_titles = len(raters)
        self._crosses: sparse.csr_matrix | None = None
        if kept:
            starts = np.minimum(np.arange(n_titles + 1), trained) * kept
            columns = watch.weights.ravel(), watch.titles.ravel(), starts
            self._crosses = sparse.csr_matrix(columns, (n_titles, n_titles))
        some = basis[:, :WIDTH] / np.maximum(np.linalg.norm(basis[:, :WIDTH], axis=0), 1e-9)
        self._vectors = np.pad(some, [(0, n_titles - len(some)), (0, 0)]).astype(np.float32)

    def chances(self, listed: Ints) -> Array:
        """(15): return the chances of all titles, given the titles on a list.

        Args:
            listed: rows of these in the item table [m].

        Returns:
            float32 [titles], above 0. Of the titles on the list they mean nothing.
        """
        if self._crosses is None:
            score = self._vectors @ self._vectors[listed].sum(0)
        else:
            some = self._crosses[listed]
            score = np.bincount(some.indices, some.data, len(self.base)).astype(np.float32)
        return np.maximum(score, 0) + self.base

    def chances_all(self, listed: sparse.csr_matrix) -> Array:
        """(15): return the chances of all titles for some users: float32 [users, titles].

        Args:
            listed: 1 where a title is on a user's list: float32 [users, titles].
        """
        if self._crosses is None:
            score = (listed @ self._vectors) @ self._vectors.T
        else:
            score = (listed @ self._crosses).toarray()
        return np.maximum(score, 0, out=score) + self.base

    def parts(self, listed: Ints, rows: Ints) -> Array:
        """Return what each title on a list says for some titles: float32 [n, m].

        With ``base`` they sum to the chances, if the sum is not below it.

        Args:
            listed: rows of the titles on the list [m].
            rows: rows of the other titles [n].
        """
        if self._crosses is None:
            return self._vectors[rows] @ self._vectors[listed].T
        place = np.full(len(self.base), -1)
        place[rows] = np.arange(len(rows))
        some = self._crosses[listed].tocoo()
        column = place[some.col]
        found = column >= 0
        parts = np.zeros((len(rows), len(listed)), np.float32)
        parts[column[found], some.row[found]] = some.data[found]
        return parts
