"""From arrays and feature tables to tensors: batches, and the tables that a model gathers from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

Array = np.ndarray


@dataclass(frozen=True)
class Entities:
    """Users or titles as arrays; row 0 is anyone unknown, rows 1 to ``known`` were trained on.

    Attributes:
        known: how many have training ratings.
        numbers: float32 [rows, n], standardised.
        codes: index of a vocabulary by attribute: int32 [rows, most values], -1 where there is
            none. Empty for users.
        words: size of each vocabulary, index 0 (any other value) included.
    """

    known: int
    numbers: Array
    codes: dict[str, Array]
    words: dict[str, int]


def read_users(path: Path) -> Entities:
    """Read users.parquet."""
    table = pq.read_table(path)
    return Entities(
        known=int(np.count_nonzero(table["user_count"])),
        numbers=_stack(table, ["completed", "plan_to_watch"]),
        codes={},
        words={},
    )


def read_items(path: Path) -> Entities:
    """Read items.parquet."""
    table = pq.read_table(path)
    codes = {name: _padded(table[name]) for name in ("genres", "type", "source", "studios")}
    return Entities(
        known=int(np.count_nonzero(table["item_count"])),
        numbers=_stack(table, ["episodes", "year"]),
        codes=codes,
        words={name: int(code.max()) + 1 for name, code in codes.items()},
    )


def batches(columns: Any, size: int, seed: int | None = None) -> tf.data.Dataset:
    """Slice columns of the same length to batches: a gather each, and no work per row in Python.

    Args:
        columns: arrays in any nesting of dicts and tuples, such as (rows, ratings).
        size: rows of a batch; the last of an epoch may be smaller.
        seed: of the order, a new one each epoch, and then the epochs never end; None keeps the
            order and ends after one.

    Returns:
        Batches of tensors, nested as ``columns``.
    """
    tensors = tf.nest.map_structure(tf.constant, columns)
    n = len(tf.nest.flatten(tensors)[0])

    def epoch(order: tf.Tensor) -> tf.data.Dataset:
        def batch(start: tf.Tensor) -> Any:
            rows = order[start : start + size]
            return tf.nest.map_structure(lambda column: tf.gather(column, rows), tensors)

        return tf.data.Dataset.range(0, n, size).map(batch)

    # There is nothing to tune; and a thread that does would let the end of a training wait for it,
    # up to 20 seconds.
    options = tf.data.Options()
    options.autotune.enabled = False
    if seed is None:
        return epoch(tf.range(n)).prefetch(2).with_options(options)

    def shuffled(number: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), number])
        return epoch(tf.random.experimental.stateless_shuffle(tf.range(n), seed=key))

    # Endless, because Keras would start a data set that ends from its first epoch again.
    return tf.data.Dataset.range(2**31).flat_map(shuffled).prefetch(2).with_options(options)


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
