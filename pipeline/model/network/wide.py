"""The wide part: a linear model over biases and hashed crosses of sparse features."""

import keras
import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.model.network.embedding import Table
from pipeline.settings.sections import Wide
from pipeline.tables.entities import Entities


def hashed_cross(left: tf.Tensor, right: tf.Tensor, salt: Array, buckets: int) -> tf.Tensor:
    """Hash pairs of indices to [0, buckets): the cross of two sparse features.

    Args:
        left, right: integer tensors of shapes that broadcast.
        salt: uint64, of such a shape too; tells crosses apart that share the buckets.
        buckets: size of the table.

    Returns:
        int32 tensor. The mixing steps are those of MurmurHash3's 64-bit finaliser.
    """
    shift, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    left, right = tf.cast(left, tf.uint64), tf.cast(tf.cast(right, tf.uint32), tf.uint64)
    key = left * 2**32 + right + tf.constant(salt + 1) * 0x9E3779B97F4A7C15
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        key = xor(key, shift(key, 33)) * factor
    return tf.cast(xor(key, shift(key, 33)) % buckets, tf.int32)


class WidePart(keras.layers.Layer):
    """Biases of user and title, and weights of crosses of the user with what the title is.

    A cross with several values, such as the genres of a title, adds their mean weight. All crosses
    of a pair are one lookup: what to cross with, and each weight's share, are columns of the title.
    """

    def __init__(self, settings: Wide, users: Entities, items: Entities) -> None:
        super().__init__(name="wide")
        self.buckets = settings.buckets

        def column(name: str, rows: int) -> Table:
            return Table(rows, 1, embeddings_initializer="zeros", name=name)

        self.user_bias = column("user_bias", users.known + 1)
        self.item_bias = column("item_bias", items.known + 1)
        self.cross = column("cross", settings.buckets)

        row = np.arange(len(items.numbers), dtype=np.int32)[:, None]
        learned = np.where((row > 0) & (row <= items.known), row, -1)
        codes = [learned if name == "item" else items.codes[name] for name in settings.crosses]
        shares = [(c >= 0) / np.maximum((c >= 0).sum(1, keepdims=True), 1) for c in codes]
        salts = [np.full(c.shape[1], salt, np.uint64) for salt, c in enumerate(codes)]
        none = np.zeros((len(row), 0), np.int32)
        self.codes = np.concatenate([none, *codes], 1)
        self.shares = np.concatenate([none, *shares], 1).astype(np.float32)
        self.salts = np.concatenate([none[0], *salts]).astype(np.uint64)

    def call(self, user: tf.Tensor, item: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        """Add up the weights of each pair.

        Args:
            user, item: int32 [n], 0 where the id was not trained on.
            row: int32 [n], the title's row of the item table.

        Returns:
            float32 [n].
        """
        bucket = hashed_cross(user[:, None], tf.gather(self.codes, row), self.salts, self.buckets)
        weights = self.cross(bucket)[..., 0] * tf.gather(self.shares, row)
        known = tf.cast(user > 0, tf.float32)  # an unknown user has no weights, but strangers' ones
        crossed = known * tf.reduce_sum(weights, 1)
        return self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0] + crossed
