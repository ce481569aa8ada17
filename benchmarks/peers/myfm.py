"""myfm: Bayesian factorisation machines, up to SVD++ on both sides as an ordered probit.

The features are those of myfm's examples: an indicator of the user and of the titles they rated, an
indicator of the title and of the users who rated it ("flipped"), each history divided by the root
of its length. Neither the ratings nor the pairs of the test rows are used in training.

The probit is the recipe of its best published figure with what the feature tables have: they lack
the dates of the ratings and the age, occupation and zip code of the users, which
benchmarks.peers.published adds.
"""

import os
from collections.abc import Callable

import myfm
import numpy as np
import pyarrow as pa
from scipy import sparse

from benchmarks.peers.rows import Array, Fit, Rows

RANK = 32
SWEEPS = {"plain": 300, "flipped": 150, "flipped_genres": 512, "probit": 512}
THREADS = os.cpu_count()  # of prediction; myfm fits on one


def known(index: Array, size: int) -> Array:
    """Number the rows of a table that occur in ``index`` from 1; others get 0: int [size]."""
    code = np.zeros(size, int)
    present = np.unique(index)
    code[present] = np.arange(1, len(present) + 1)
    return code


def marks(row: Array, column: Array, rows: int, columns: int) -> sparse.csr_matrix:
    """Return a matrix whose n marked entries of a row are ``n ** -0.5``."""
    values = np.bincount(row, minlength=rows)[row] ** -0.5
    return sparse.csr_matrix((values, (row, column)), shape=(rows, columns))


def tenths(values: Array) -> Array:
    """Number the tenths of a column by size from 0; equal values are in the same: int [n]."""
    edges = np.unique(np.quantile(values, np.arange(1, 10) / 10))
    return np.searchsorted(edges, values, side="right")


def words(column: pa.ChunkedArray) -> sparse.csr_matrix:
    """Return indicators of a column of indices or lists of indices, or of tenths of numbers."""
    if pa.types.is_floating(column.type):
        column = pa.chunked_array([tenths(column.to_numpy())])
    lists = column.to_pylist()
    if not pa.types.is_list(column.type):
        lists = [[value] for value in lists]
    row = np.repeat(np.arange(len(lists)), [len(values) for values in lists])
    index = np.concatenate(lists)
    return marks(row, index, len(lists), int(index.max()) + 1)


def parts(rows: Rows, history: bool, attributes: tuple[str, ...]) -> list[list[sparse.csr_matrix]]:
    """Return groups of feature columns for each user, and for each title.

    The first id column is shared by all without a rating to learn from, as in myfm's examples.
    """
    codes = [known(rows.user, rows.users.num_rows), known(rows.item, rows.items.num_rows)]
    widths = [int(code.max()) + 1 for code in codes]
    sides = [
        [marks(np.arange(len(code)), code, len(code), width)]
        for code, width in zip(codes, widths, strict=True)
    ]
    if history:
        sides[0].append(marks(rows.user, codes[1][rows.item], len(codes[0]), widths[1]))
        sides[1].append(marks(rows.item, codes[0][rows.user], len(codes[1]), widths[0]))
    sides[1] += [words(rows.items[name]) for name in attributes]
    return sides


def blocks(designs: list[sparse.csr_matrix], *indices: Array) -> list[myfm.RelationBlock]:
    """Return the relation blocks of rows that have these indices into the designs."""
    found = []
    for design, index in zip(designs, indices, strict=True):
        present, place = np.unique(index, return_inverse=True)
        found.append(myfm.RelationBlock(place, design[present]))
    return found


def peer(
    iterations: int, history: bool = True, attributes: tuple[str, ...] = (), ordered: bool = False
) -> Fit:
    """Return a function that fits a factorisation machine, by regression or ordered probit."""

    def fit(rows: Rows) -> Callable[[], Array]:
        sides = parts(rows, history, attributes)
        designs = [sparse.hstack(side, format="csr") for side in sides]
        grades, grade = np.unique(rows.rating, return_inverse=True)
        machine = (myfm.MyFMOrderedProbit if ordered else myfm.MyFMRegressor)(RANK, random_seed=0)
        machine.fit(
            None,
            grade if ordered else rows.rating,
            X_rel=blocks(designs, rows.user, rows.item),
            group_shapes=[part.shape[1] for side in sides for part in side],
            n_iter=iterations,  # myfm averages all but 5; discarding the first fifth is 1 % worse
        )
        test = blocks(designs, rows.test_user, rows.test_item)
        if ordered:
            return lambda: machine.predict_proba(None, test, n_workers=THREADS) @ grades
        return lambda: machine.predict(None, test, n_workers=THREADS)

    return fit


PEERS = {
    "plain": peer(SWEEPS["plain"], history=False),
    "flipped": peer(SWEEPS["flipped"]),
    "flipped_genres": peer(SWEEPS["flipped_genres"], attributes=("genres", "type")),
    "probit": peer(SWEEPS["probit"], attributes=("genres", "type", "source", "year"), ordered=True),
}
