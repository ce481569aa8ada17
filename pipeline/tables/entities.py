"""The user table and the item table as arrays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.arrays import Array


@dataclass(frozen=True)
class Entities:
    """Users or titles as arrays; row 0 is the unknown one, rows 1 to ``n_trained`` are trained on.

    Attributes:
        n_trained: number of users or titles with training ratings.
        numbers: standardised attributes: float32 [rows, n].
        codes: by attribute, the vocabulary indices of its values: int32 [rows, longest list],
            padded with -1. Empty for users.
        words: by attribute, the size of its vocabulary, index 0 (any other value) included.
    """

    n_trained: int
    numbers: Array
    codes: dict[str, Array]
    words: dict[str, int]


def read_users(path: Path) -> Entities:
    """Read users.parquet."""
    table = pq.read_table(path)
    return Entities(
        n_trained=int(np.count_nonzero(table["user_count"])),
        numbers=_stack(table, ["completed", "plan_to_watch"]),
        codes={},
        words={},
    )


def read_items(path: Path) -> Entities:
    """Read items.parquet."""
    table = pq.read_table(path)
    codes = {name: _padded(table[name]) for name in ("genres", "type", "source", "studios")}
    return Entities(
        n_trained=int(np.count_nonzero(table["item_count"])),
        numbers=_stack(table, ["episodes", "year"]),
        codes=codes,
        words={name: int(code.max()) + 1 for name, code in codes.items()},
    )


def _stack(table: pa.Table, names: list[str]) -> Array:
    return np.stack([table[name].to_numpy() for name in names], axis=1).astype(np.float32)


def _padded(column: pa.ChunkedArray) -> Array:
    """Convert a column of codes or of lists of codes to a matrix, padded with -1."""
    if not pa.types.is_list(column.type):
        return column.to_numpy().astype(np.int32)[:, None]
    values = column.combine_chunks()
    lengths = values.value_lengths().to_numpy()
    matrix = np.full((len(values), lengths.max()), -1, np.int32)
    matrix[np.arange(lengths.max()) < lengths[:, None]] = values.flatten().to_numpy()
    return matrix
