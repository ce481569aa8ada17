"""Baselines fitted on the same split: biases, item neighbours, matrix factorisation.

They learn from the validation rows too: no early stopping or other choice uses those. Boosted
trees are in trees.py and learn from training rows alone, as only these have earlier histories.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from pipeline.arrays import Floats, Ints
from pipeline.tables.rows import Tables

NEIGHBOURS = 80  # titles per prediction
DAMPING = 4.0  # added to the norm of a title's residuals: shrinks similarities from few ratings
SIMILARITY_PRIOR = 0.2  # added to the sum of similarities: shrinks predictions from few neighbours
# Settings of the matrix factorisation, chosen once on validation rows.
FACTORS, EPOCHS, LEARNING_RATE, L2 = 50, 60, 0.02, 0.08
CHUNK = 1024  # titles, or hundreds of rows, at a time: bounds memory


class Pairs(NamedTuple):
    """Ratings that a baseline learns from.

    Attributes:
        user, item: rows of the user and item tables: integers [n].
        rating: float32 [n].
    """

    user: Ints
    item: Ints
    rating: Floats


def pairs_before_test(tables: Tables) -> Pairs:
    """Concatenate the training and the validation rows."""
    parts = [tables.parts[part] for part in ("train", "valid")]
    user, item, rating = (np.concatenate([part[n] for part in parts]) for n in Pairs._fields)
    return Pairs(user, item, rating.astype(np.float32))


class Biases(NamedTuple):
    """The mean rating and the bias of each user and title; a bias is 0 without ratings."""

    mean: float
    users: Floats
    items: Floats

    def predict(self, user: Ints, item: Ints) -> Floats:
        """Predict pairs; a user or title outside the tables has bias 0."""
        return self.mean + _lookup(self.users, user) + _lookup(self.items, item)


def biases(pairs: Pairs, sweeps: int = 10, user_reg: float = 15, item_reg: float = 10) -> Biases:
    """Fit rating = mean + user bias + item bias by alternating least squares.

    Args:
        pairs: ratings to learn from.
        sweeps, user_reg, item_reg: defaults of BaselineOnly in scikit-surprise (Koren 2010,
            "Factor in the neighbors").
    """
    user, item, rating = pairs
    mean = float(rating.mean(dtype=np.float64))
    centred = rating - mean
    users, items = np.zeros(user.max() + 1), np.zeros(item.max() + 1)
    user_counts, item_counts = np.bincount(user) + user_reg, np.bincount(item) + item_reg
    for _ in range(sweeps):
        items = np.bincount(item, centred - users[user]) / item_counts
        users = np.bincount(user, centred - items[item]) / user_counts
    return Biases(mean, users, items)


def neighbours(pairs: Pairs, fit: Biases, user: Ints, item: Ints) -> Floats:
    """Predict pairs by item-based k-nearest neighbours on the residuals of the biases.

    Similarity is the cosine of the residuals of two titles; only positive ones count (Sarwar et
    al. 2001; residuals as in Koren 2010).
    """
    shape = max(pairs.user.max(), user.max()) + 1, max(pairs.item.max(), item.max()) + 1
    residual = pairs.rating - fit.predict(pairs.user, pairs.item)
    by_user = sparse.csr_array((residual, (pairs.user, pairs.item)), shape)
    by_item = by_user.T.tocsr()
    norms = sparse.linalg.norm(by_item, axis=1) + DAMPING
    scaled = (sparse.diags_array(1 / norms) @ by_item).tocsr()
    similarity = sparse.vstack(
        [
            _nearest(scaled[start : start + CHUNK] @ scaled.T, start)
            for start in range(0, shape[1], CHUNK)
        ]
    ).tocsr()
    rated = sparse.csr_array((np.ones(len(residual)), (pairs.user, pairs.item)), shape)
    result = fit.predict(user, item)
    for start in range(0, len(user), 100 * CHUNK):
        part = slice(start, start + 100 * CHUNK)
        similar, users = similarity[item[part]], user[part]
        total = similar.multiply(by_user[users]).sum(1)
        result[part] += total / (similar.multiply(rated[users]).sum(1) + SIMILARITY_PRIOR)
    return result


def _nearest(similarity: sparse.csr_array, first: int) -> sparse.csr_array:
    """Keep the NEIGHBOURS largest positive entries of each row, except the title itself.

    Args:
        similarity: of consecutive titles to all titles [m, titles].
        first: index of the first of these titles.
    """
    dense = similarity.toarray()
    dense[np.arange(len(dense)), first + np.arange(len(dense))] = 0
    number = min(NEIGHBOURS, dense.shape[1])
    least = np.partition(dense, -number, axis=1)[:, -number, None]
    return sparse.csr_array(np.where((dense >= least) & (dense > 0), dense, 0))


def factorisation(pairs: Pairs, user: Ints, item: Ints) -> Floats:
    """Predict by Cornac's biased matrix factorisation (Koren et al. 2009)."""
    from cornac.data import Dataset
    from cornac.models import MF

    users, items = int(pairs.user.max()) + 1, int(pairs.item.max()) + 1
    ids = ({number: number for number in range(n)} for n in (users, items))
    order = np.random.default_rng(0).permutation(len(pairs.rating))  # its SGD keeps the row order
    rows = tuple(
        column[order].astype(dtype)
        for column, dtype in zip(pairs, (np.int64, np.int64, np.float32), strict=True)
    )
    model = MF(
        FACTORS, EPOCHS, learning_rate=LEARNING_RATE, lambda_reg=L2, num_threads=1, seed=0
    ).fit(Dataset(users, items, *ids, rows))
    product = _lookup(model.u_factors, user) * _lookup(model.i_factors, item)
    biases = _lookup(model.u_biases, user) + _lookup(model.i_biases, item)
    return model.global_mean + biases + product.sum(1)


def _lookup(table: Floats, rows: Ints) -> Floats:
    """Return rows of a table; rows beyond its end are zeros."""
    inside = rows < len(table)
    values = table[np.where(inside, rows, 0)]
    values[~inside] = 0
    return values
