"""From arrays to batches of tensors."""

from typing import Any

import tensorflow as tf


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
