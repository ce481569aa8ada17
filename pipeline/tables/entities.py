"""The user and the item table as arrays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.arrays import Array, Ints


@dataclass(frozen=True)
class Entities:
    """Users or titles as arrays; row 0 is anyone unknown, rows 1 to ``n_trained`` were trained on.

    Attributes:
        n_trained: how many have training ratings.
        numbers: float32 [rows, n], standardised.
        codes: index of a vocabulary by attribute: int32 [rows, most values], -1 where there is
            none. Empty for users.
        words: size of each vocabulary, index 0 (any other value) included.
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


def read_counts(folder: Path) -> tuple[Ints, Ints, Ints]:
    """Read sum and number of the training ratings of each title, and their number of each user."""
    items, users = (pq.read_table(folder / f"{name}.parquet") for name in ("items", "users"))
    columns = items["item_sum"], items["item_count"], users["user_count"]
    total, item_count, user_count = (column.to_numpy() for column in columns)
    return total, item_count, user_count


def _stack(table: pa.Table, names: list[str]) -> Array:
    return np.stack([table[name].to_numpy() for name in names], axis=1).astype(np.float32)


def _padded(column: pa.ChunkedArray) -> Array:
    """Turn a column of codes or of lists of codes into a matrix, rows filled up with -1."""
    if not pa.types.is_list(column.type):
        return column.to_numpy().astype(np.int32)[:, None]
    values = column.combine_chunks()
    lengths = values.value_lengths().to_numpy()
    matrix = np.full((len(values), lengths.max()), -1, np.int32)
    matrix[np.arange(lengths.max()) < lengths[:, None]] = values.flatten().to_numpy()
    return matrix
