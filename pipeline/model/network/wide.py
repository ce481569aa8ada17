"""The wide part: a linear model over biases and hashed crosses of sparse features."""

import keras
import numpy as np
import tensorflow as tf

from pipeline.artifact.formulas import hashed_cross
from pipeline.model.network.embedding import Table
from pipeline.settings.sections import Wide
from pipeline.tables.entities import Entities


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

        self.user_bias = column("user_bias", users.n_trained + 1)
        self.item_bias = column("item_bias", items.n_trained + 1)
        self.cross = column("cross", settings.buckets)

        row = np.arange(len(items.numbers), dtype=np.int32)[:, None]
        learned = np.where((row > 0) & (row <= items.n_trained), row, -1)
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
        bucket = self._bucket(user[:, None], tf.gather(self.codes, row))
        weights = self.cross(bucket)[..., 0] * tf.gather(self.shares, row)
        known = tf.cast(user > 0, tf.float32)  # an unknown user would hash into others' buckets
        crossed = known * tf.reduce_sum(weights, 1)
        return self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0] + crossed

    def _bucket(self, user: tf.Tensor, code: tf.Tensor) -> tf.Tensor:
        """(8): return the bucket of each cross, int32 [n, crosses]; a code of -1 has one too."""
        left, right = tf.cast(user, tf.uint64), tf.cast(tf.cast(code, tf.uint32), tf.uint64)
        shift_right, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
        bucket = hashed_cross(left, right, self.salts, self.buckets, shift_right, xor)
        return tf.cast(bucket, tf.int32)
