"""What a model must beat, fitted on the same split: from the training mean to boosted trees.

The baselines may learn from the validation rows too, as no choice rests on those here; only the
trees do not, as their histories are those of training rows.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from pipeline.arrays import Floats, Ints
from pipeline.tables.rows import Tables

NEIGHBOURS = 80
DAMPING = 4.0  # rating points added to the length of a title's residuals: few ones say little
SIMILARITY_PRIOR = 0.2  # added to the sum of similarities: few neighbours move a prediction little
FACTORS, EPOCHS, RATE, DECAY = 50, 60, 0.02, 0.08  # of the factorisation, chosen on validation rows
CHUNK = 1024  # titles, or rows in hundreds, at a time


class Pairs(NamedTuple):
    """Ratings to learn from.

    Attributes:
        user, item: rows of the user and item tables: integers [n].
        rating: float32 [n].
    """

    user: Ints
    item: Ints
    rating: Floats


def pairs_before_test(tables: Tables) -> Pairs:
    """Put the training and the validation rows together: what is known before the test."""
    parts = [tables.parts[part] for part in ("train", "valid")]
    user, item, rating = (np.concatenate([part[n] for part in parts]) for n in Pairs._fields)
    return Pairs(user, item, rating.astype(np.float32))


class Biases(NamedTuple):
    """The training mean, the bias of each user and of each title; 0 without ratings."""

    mean: float
    users: Floats
    items: Floats

    def predict(self, user: Ints, item: Ints) -> Floats:
        """Predict each pair; a user or title without a bias counts as average."""
        return self.mean + _of(self.users, user) + _of(self.items, item)


def biases(pairs: Pairs, sweeps: int = 10, user_reg: float = 15, item_reg: float = 10) -> Biases:
    """Fit rating = mean + user bias + item bias by alternating least squares.

    Args:
        pairs: what to learn from.
        sweeps, user_reg, item_reg: as BaselineOnly of scikit-surprise has them (Koren 2010,
            "Factor in the neighbors").
    """
    user, item, rating = pairs
    mean = float(rating.mean(dtype=np.float64))
    above = rating - mean
    users, items = np.zeros(user.max() + 1), np.zeros(item.max() + 1)
    user_counts, item_counts = np.bincount(user) + user_reg, np.bincount(item) + item_reg
    for _ in range(sweeps):
        items = np.bincount(item, above - users[user]) / item_counts
        users = np.bincount(user, above - items[item]) / user_counts
    return Biases(mean, users, items)


def neighbours(pairs: Pairs, fit: Biases, user: Ints, item: Ints) -> Floats:
    """Predict from the user's own ratings of the titles most like each: item k-NN on residuals.

    Likeness is the cosine of residuals over common users, of which only the positive count
    (Sarwar et al. 2001; the residuals as in Koren 2010).
    """
    shape = max(pairs.user.max(), user.max()) + 1, max(pairs.item.max(), item.max()) + 1
    residual = pairs.rating - fit.predict(pairs.user, pairs.item)
    of_users = sparse.csr_array((residual, (pairs.user, pairs.item)), shape)
    of_items = of_users.T.tocsr()
    lengths = sparse.linalg.norm(of_items, axis=1) + DAMPING
    scaled = (sparse.diags_array(1 / lengths) @ of_items).tocsr()
    likeness = sparse.vstack(
        [
            _nearest(scaled[start : start + CHUNK] @ scaled.T, start)
            for start in range(0, shape[1], CHUNK)
        ]
    ).tocsr()
    rated = sparse.csr_array((np.ones(len(residual)), (pairs.user, pairs.item)), shape)
    result = fit.predict(user, item)
    for start in range(0, len(user), 100 * CHUNK):
        part = slice(start, start + 100 * CHUNK)
        like, users = likeness[item[part]], user[part]
        total = like.multiply(of_users[users]).sum(1)
        result[part] += total / (like.multiply(rated[users]).sum(1) + SIMILARITY_PRIOR)
    return result


def _nearest(likeness: sparse.csr_array, first: int) -> sparse.csr_array:
    """Keep the largest entries of each row, without that of the title itself."""
    dense = likeness.toarray()
    dense[np.arange(len(dense)), first + np.arange(len(dense))] = 0
    number = min(NEIGHBOURS, dense.shape[1])
    least = np.partition(dense, -number, axis=1)[:, -number, None]
    return sparse.csr_array(np.where((dense >= least) & (dense > 0), dense, 0))


def factorisation(pairs: Pairs, user: Ints, item: Ints) -> Floats:
    """Predict by Cornac's biased matrix factorisation (Koren et al. 2009)."""
    from cornac.data import Dataset
    from cornac.models import MF

    users, items = int(pairs.user.max()) + 1, int(pairs.item.max()) + 1
    names = ({number: number for number in range(n)} for n in (users, items))
    order = np.random.default_rng(0).permutation(len(pairs.rating))  # it steps row by row
    rows = tuple(
        column[order].astype(dtype)
        for column, dtype in zip(pairs, (np.int64, np.int64, np.float32), strict=True)
    )
    model = MF(FACTORS, EPOCHS, learning_rate=RATE, lambda_reg=DECAY, num_threads=1, seed=0).fit(
        Dataset(users, items, *names, rows)
    )
    product = _of(model.u_factors, user) * _of(model.i_factors, item)
    biases = _of(model.u_biases, user) + _of(model.i_biases, item)
    return model.global_mean + biases + product.sum(1)


def _of(table: Floats, rows: Ints) -> Floats:
    """Look rows up; one beyond the table is zeros."""
    there = rows < len(table)
    found = table[np.where(there, rows, 0)]
    found[~there] = 0
    return found
