"""Batches of tensors from arrays."""

from typing import Any

import tensorflow as tf


def batches(columns: Any, size: int, seed: int | None = None, first: int = 0) -> tf.data.Dataset:
    """Slice columns into batches: one gather per column, no Python code per row.

    Args:
        columns: arrays of equal length, in any nesting of dicts and tuples, such as
            (rows, ratings).
        size: rows per batch; the last batch of an epoch may be smaller.
        seed: shuffles each epoch anew, and batches never end. None: one epoch in the given order.
        first: number of the first epoch: its order depends on it.

    Returns:
        Batches of tensors, nested like ``columns``.
    """
    tensors = tf.nest.map_structure(tf.constant, columns)
    n = len(tf.nest.flatten(tensors)[0])

    def epoch(order: tf.Tensor) -> tf.data.Dataset:
        def batch(start: tf.Tensor) -> Any:
            rows = order[start : start + size]
            return tf.nest.map_structure(lambda column: tf.gather(column, rows), tensors)

        return tf.data.Dataset.range(0, n, size).map(batch)

    # Autotuning gains nothing here, and its thread can delay the end of training by 20 seconds.
    options = tf.data.Options()
    options.autotune.enabled = False
    if seed is None:
        return epoch(tf.range(n)).prefetch(2).with_options(options)

    def shuffled(number: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), number])
        return epoch(tf.random.experimental.stateless_shuffle(tf.range(n), seed=key))

    # Endless, because Keras restarts a finite data set and would repeat the first epoch's order.
    return tf.data.Dataset.range(first, 2**31).flat_map(shuffled).prefetch(2).with_options(options)
