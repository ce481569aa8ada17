"""Products that add up in the same order each time."""

import tensorflow as tf

ROWS = 1024  # of a partial product


def inner(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Return ``left`` transposed times ``right``: [n, a], [n, b] to [a, b].

    TensorFlow shares a long sum out among threads and adds up in the order in which they finish,
    so that two runs would differ in the last bit, and a chain soon in all others.
    """
    parts = -(-left.shape[0] // ROWS)
    padding = [[0, parts * ROWS - left.shape[0]], [0, 0]]
    cut = [tf.reshape(tf.pad(x, padding), [parts, ROWS, x.shape[1]]) for x in (left, right)]
    return tf.reduce_sum(tf.matmul(*cut, transpose_a=True), 0)
