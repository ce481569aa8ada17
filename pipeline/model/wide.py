"""The wide part: a linear model over biases and hashed crosses of sparse features."""

import keras
import tensorflow as tf

from pipeline.config import Wide
from pipeline.model.data import Entities


def hashed_cross(left: tf.Tensor, right: tf.Tensor, salt: int, buckets: int) -> tf.Tensor:
    """Hash pairs of indices to [0, buckets): the cross of two sparse features.

    Args:
        left, right: integer tensors of shapes that broadcast.
        salt: tells crosses apart that share the buckets.
        buckets: size of the table.

    Returns:
        int32 tensor. The mixing steps are those of MurmurHash3's 64-bit finaliser.
    """
    shift, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    left, right = tf.cast(left, tf.uint64), tf.cast(tf.cast(right, tf.uint32), tf.uint64)
    key = left * 2**32 + right + (salt + 1) * 0x9E3779B97F4A7C15 % 2**64
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        key = xor(key, shift(key, 33)) * factor
    return tf.cast(xor(key, shift(key, 33)) % buckets, tf.int32)


class WidePart(keras.layers.Layer):
    """Biases of user and title, and weights of crosses of the user with the title's attributes.

    A cross with several values, such as the genres of a title, adds their mean weight.
    """

    def __init__(self, settings: Wide, users: Entities, items: Entities) -> None:
        super().__init__(name="wide")
        self.crosses, self.buckets, self.items = settings.crosses, settings.buckets, items

        def column(name: str, rows: int) -> keras.layers.Embedding:
            return keras.layers.Embedding(rows, 1, embeddings_initializer="zeros", name=name)

        self.user_bias = column("user_bias", users.known + 1)
        self.item_bias = column("item_bias", items.known + 1)
        self.cross = column("cross", settings.buckets)

    def call(self, user: tf.Tensor, item: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        """Add up the weights of each pair.

        Args:
            user, item: int32 [n], 0 where the id was not trained on.
            row: int32 [n], the title's row of the item table.

        Returns:
            float32 [n].
        """
        total = self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0]
        for salt, name in enumerate(self.crosses):
            codes = item[:, None] if name == "item" else tf.gather(self.items.codes[name], row)
            weights = self.cross(hashed_cross(user[:, None], codes, salt, self.buckets))[..., 0]
            there = tf.cast(codes >= 0, tf.float32)
            total += tf.reduce_sum(weights * there, 1) / tf.reduce_sum(there, 1)
        return total
