"""Sums of products: with a fixed order of summation, and of what ratings say of weights."""

import tensorflow as tf

ROWS = 1024  # rows summed per partial product


def inner(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Return ``left``ᵀ ``right``, the same to the last bit in each run: [n, a], [n, b] to [a, b].

    TensorFlow splits a long sum among threads and adds the parts in the order they finish, so two
    runs would differ in the last bit, and their chains soon in all others.
    """
    parts = -(-left.shape[0] // ROWS)
    padding = [[0, parts * ROWS - left.shape[0]], [0, 0]]
    blocks = [tf.reshape(tf.pad(x, padding), [parts, ROWS, x.shape[1]]) for x in (left, right)]
    return tf.reduce_sum(tf.matmul(*blocks, transpose_a=True), 0)


def evidence(
    factors: tf.Tensor, target: tf.Tensor, noise: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return precision [b, width, width] and moment [b, width] of weights, without the prior.

    Args:
        factors: what they are multiplied by: float32 [b, length, width].
        target: what their products are compared with: float32 [b, length].
        noise: noise precision of each rating, 0 for padding: float32 [b, length].
    """
    weighted = factors * noise[..., None]
    precision = tf.matmul(weighted, factors, transpose_a=True)
    return precision, tf.linalg.matvec(weighted, target, transpose_a=True)
