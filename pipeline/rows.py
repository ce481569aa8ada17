"""Rows of ratings as arrays, with what is known beforehand of their user and title."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.tables import BLOCKS

Array = np.ndarray
HISTORY = ("user_sum", "user_count", "item_sum", "item_count")  # of ratings in training
ROW = ("user", "item", *HISTORY)  # what a model is told of a rating: all int32


def read_rows(folder: Path, part: str) -> tuple[dict[str, Array], Array]:
    """Read the rows of 'train', 'valid' or 'test'.

    Returns:
        The ROW columns (int32 [n]) and the ratings (float32 [n]). The history of a training row
        are the ratings of its user, or title, in earlier blocks (see ``pipeline.features.dealt``):
        never its own. That of another row are all training ratings.
    """
    table = pq.read_table(folder / f"{part}.parquet")
    rating = table["rating"].to_numpy()
    if part == "train":
        return with_earlier(table, rating), rating.astype(np.float32)
    columns = {name: table[name].to_numpy() for name in ("user", "item")}
    for name in ("user", "item"):
        known = pq.read_table(folder / f"{name}s.parquet")
        for total in ("sum", "count"):
            columns[f"{name}_{total}"] = known[f"{name}_{total}"].to_numpy()[columns[name]]
    return {name: columns[name] for name in ROW}, rating.astype(np.float32)


def with_earlier(train: pa.Table, rating: Array) -> dict[str, Array]:
    """Lay out the training rows: the ROW columns (int32 [n]), with histories of ``rating`` [n]."""
    columns = {name: train[name].to_numpy() for name in ("user", "item")}
    for name in ("user", "item"):
        cell = columns[name].astype(np.int64) * BLOCKS + train["block"].to_numpy()
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
