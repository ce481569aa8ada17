"""What is known of a training row's user and title: the ratings in earlier blocks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipeline.arrays import Array
from pipeline.tables.hashing import ORDER, uniform

if TYPE_CHECKING:
    import ibis

BLOCKS = 16  # that training rows are dealt to; each row knows those before its own
HISTORY = ("user_sum", "user_count", "item_sum", "item_count")  # of ratings in training
ROW = ("user", "item", *HISTORY)  # what a model is told of a rating: all int32


def dealt(train: "ibis.Table", seed: int) -> "ibis.Table":
    """Deal the training rows to BLOCKS at random, by a hash: ``block`` (int8), from 0.

    What is known of a user or title when a row is trained on are the ratings of *earlier* blocks:
    the "ordered target statistics" of CatBoost (Prokhorenkova et al. 2018, arXiv 1706.09516), in
    blocks. A row never sees its own rating, and unlike "all but mine" the figure cannot be
    subtracted from a learned total to recover it. It also shows the model every length of history,
    from none on.
    """
    place = uniform(train.user_id, train.item_id, seed, ORDER)
    return train.mutate(block=(place * BLOCKS).floor().cast("int8"))


def with_earlier(train: Mapping[str, Array], rating: Array) -> dict[str, Array]:
    """Lay out the training rows, with histories of ``rating`` [n].

    Args:
        train: user, item and block of each row [n].
        rating: what the histories sum up; the rows' own ratings, but for a leak probe.

    Returns:
        The ROW columns: int32 [n].
    """
    columns = {name: train[name] for name in ("user", "item")}
    for name in ("user", "item"):
        cell = columns[name].astype(np.int64) * BLOCKS + train["block"]
        columns[f"{name}_sum"] = earlier(cell, rating)
        columns[f"{name}_count"] = earlier(cell)
    return {name: columns[name] for name in ROW}


def earlier(cell: Array, weights: Array | None = None) -> Array:
    """Sum, for each row, the weights of the rows of its user in earlier blocks.

    Args:
        cell: index of the user (or title) times BLOCKS, plus the block: int64 [n].
        weights: [n]; None counts rows.

    Returns:
        int32 [n].
    """
    users = int(cell.max()) // BLOCKS + 1
    totals = np.bincount(cell, weights, minlength=users * BLOCKS).reshape(users, BLOCKS)
    before = np.zeros_like(totals)
    before[:, 1:] = totals.cumsum(axis=1)[:, :-1]
    return before.ravel()[cell].astype(np.int32)
