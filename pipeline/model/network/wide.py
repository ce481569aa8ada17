"""The wide part: a linear model of biases and hashed crosses."""

import keras
import numpy as np
import tensorflow as tf

from pipeline.artifact.formulas import hashed_cross
from pipeline.model.network.embedding import Table
from pipeline.settings.sections import Wide
from pipeline.tables.entities import Entities


class WidePart(keras.layers.Layer):
    """Biases of user and title, and weights of user × attribute crosses (8).

    An attribute with several values, such as genres, adds the mean of their weights. The values of
    all attributes of a title are columns side by side, so the crosses of a pair are one lookup.

    Attributes:
        codes: values that users are crossed with: int32 [titles, columns], -1 for padding.
        shares: factors of the weights, 1 / number of values, 0 for padding: float32 [titles,
            columns].
        salts: index of the cross that a column belongs to: uint64 [columns].
    """

    def __init__(self, settings: Wide, users: Entities, items: Entities) -> None:
        super().__init__(name="wide")
        self.buckets = settings.buckets

        def weights(name: str, rows: int) -> Table:
            return Table(rows, 1, embeddings_initializer="zeros", name=name)

        self.user_bias = weights("user_bias", users.n_trained + 1)
        self.item_bias = weights("item_bias", items.n_trained + 1)
        self.cross = weights("cross", settings.buckets)

        row = np.arange(len(items.numbers), dtype=np.int32)[:, None]
        trained = np.where((row > 0) & (row <= items.n_trained), row, -1)
        codes = [trained if name == "item" else items.codes[name] for name in settings.crosses]
        shares = [(c >= 0) / np.maximum((c >= 0).sum(1, keepdims=True), 1) for c in codes]
        salts = [np.full(c.shape[1], salt, np.uint64) for salt, c in enumerate(codes)]
        no_column = np.zeros((len(row), 0), np.int32)
        self.codes = np.concatenate([no_column, *codes], 1)
        self.shares = np.concatenate([no_column, *shares], 1).astype(np.float32)
        self.salts = np.concatenate([no_column[0], *salts]).astype(np.uint64)

    def call(self, user: tf.Tensor, item: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        """Sum the biases and cross weights of each pair.

        Args:
            user, item: rows of the bias tables, 0 without training ratings: int32 [n].
            row: row of the item table: int32 [n].

        Returns:
            float32 [n].
        """
        bucket = self._bucket(user[:, None], tf.gather(self.codes, row))
        weights = self.cross(bucket)[..., 0] * tf.gather(self.shares, row)
        mask = tf.cast(user > 0, tf.float32)  # user 0 would hash into other users' buckets
        crossed = mask * tf.reduce_sum(weights, 1)
        return self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0] + crossed

    def _bucket(self, user: tf.Tensor, code: tf.Tensor) -> tf.Tensor:
        """(8): hash crosses to int32 [n, columns]; padding gets a bucket too, its share is 0."""
        left, right = tf.cast(user, tf.uint64), tf.cast(tf.cast(code, tf.uint32), tf.uint64)
        shift_right, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
        bucket = hashed_cross(left, right, self.salts, self.buckets, shift_right, xor)
        return tf.cast(bucket, tf.int32)
