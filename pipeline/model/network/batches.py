"""Batches of tensors from arrays."""

from typing import Any

import tensorflow as tf


def batches(
    columns: Any, number: int, seed: int | None = None, epoch: tf.Variable | None = None
) -> tf.data.Dataset:
    """Slice columns into batches: one gather per column, no Python code per row.

    Args:
        columns: arrays of equal length, in any nesting of dicts and tuples, such as
            (rows, ratings).
        number: of batches; their sizes differ by one row at most.
        seed: of the order of rows. None: the given order.
        epoch: number of the epoch when an iteration starts; each epoch has an order of its own. So
            a resumed run sees what an uninterrupted one would.

    Returns:
        The batches of one epoch, nested like ``columns``.
    """
    tensors = tf.nest.map_structure(tf.constant, columns)
    n = len(tf.nest.flatten(tensors)[0])

    def ordered(order: tf.Tensor) -> tf.data.Dataset:
        def batch(index: tf.Tensor) -> Any:
            rows = order[n * index // number : n * (index + 1) // number]
            return tf.nest.map_structure(lambda column: tf.gather(column, rows), tensors)

        return tf.data.Dataset.range(number).map(batch)

    def shuffled(_: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        return ordered(tf.random.experimental.stateless_shuffle(tf.range(n), seed=key))

    if seed is None:
        data = ordered(tf.range(n))
    else:
        one = tf.data.Dataset.range(1).flat_map(shuffled)
        data = one.apply(tf.data.experimental.assert_cardinality(number))
    # Autotuning gains nothing here, and its thread can delay the end of training by 20 seconds.
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.prefetch(2).with_options(options)
