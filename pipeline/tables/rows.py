"""Rows of ratings as arrays, with what is known beforehand of their user and title."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array
from pipeline.tables.earlier import ROW, with_earlier


def read_rows(folder: Path, part: str) -> tuple[dict[str, Array], Array]:
    """Read the rows of 'train', 'valid' or 'test'.

    Returns:
        The ROW columns (int32 [n]) and the ratings (float32 [n]). The history of a training row
        are the ratings of its user, or title, in earlier blocks (see
        ``pipeline.tables.earlier.dealt``): never its own. That of another row are all
        training ratings.
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
