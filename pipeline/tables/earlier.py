"""Ordered target statistics: rating histories of training rows without their own ratings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipeline.arrays import Array
from pipeline.tables.hashing import BLOCK, uniform

if TYPE_CHECKING:
    import ibis

BLOCKS = 16  # random blocks of training rows; a row's history is the ratings in earlier blocks
HISTORY = ("user_sum", "user_count", "item_sum", "item_count")  # sums and counts of ratings
ROW = ("user", "item", *HISTORY)  # a rating and the histories of its user and title


def with_blocks(train: "ibis.Table", seed: int) -> "ibis.Table":
    """Assign each training row to one of BLOCKS at random, by a hash: ``block`` (int8), from 0.

    The history of a row's user and title holds the ratings in *earlier* blocks: CatBoost's ordered
    target statistics (Prokhorenkova et al. 2018, arXiv 1706.09516), in blocks. So a history never
    holds the row's own rating. A leave-one-out history would reveal it: it is the total, which a
    model can learn, minus the rating. Blocks also give histories of every length. The boosted trees
    of ``evaluate`` learn from them; the network's histories hold no ratings.
    """
    draw = uniform(train.user_id, train.item_id, seed, BLOCK)
    return train.mutate(block=(draw * BLOCKS).floor().cast("int8"))


def with_earlier(train: Mapping[str, Array], rating: Array) -> dict[str, Array]:
    """Return the training rows with histories from earlier blocks.

    Args:
        train: user, item and block of each row [n].
        rating: the ratings to sum up [n]; shuffled ones in a leak probe.

    Returns:
        The ROW columns: int32 [n]; sums are float64 if ratings are no whole numbers.
    """
    columns = {name: train[name] for name in ("user", "item")}
    for name in ("user", "item"):
        cell = columns[name].astype(np.int64) * BLOCKS + train["block"]
        columns[f"{name}_sum"] = earlier(cell, rating)
        columns[f"{name}_count"] = earlier(cell)
    return {name: columns[name] for name in ROW}


def earlier(cell: Array, weights: Array | None = None) -> Array:
    """Sum, for each row, the weights of the same user's (or title's) rows in earlier blocks.

    Args:
        cell: user (or title) index x BLOCKS + block: int64 [n].
        weights: [n]; None to count rows.

    Returns:
        int32 [n], or float64 [n] if the weights are no integers.
    """
    exact = np.int32 if weights is None or weights.dtype.kind == "i" else np.float64
    users = int(cell.max()) // BLOCKS + 1
    totals = np.bincount(cell, weights, minlength=users * BLOCKS).reshape(users, BLOCKS)
    before = np.zeros_like(totals)
    before[:, 1:] = totals.cumsum(axis=1)[:, :-1]
    return before.ravel()[cell].astype(exact)
