"""The wide part: a linear model of biases and crosses, which memorises."""

import keras
import tensorflow as tf

from pipeline.artifact.formulas import hashed_cross
from pipeline.model.network.embedding import Table
from pipeline.model.network.gaussian import GaussianTable, Normal
from pipeline.model.network.knowledge import Knowledge
from pipeline.settings.sections import Wide

PAIR = "item"  # the cross user × title, which is hashed


class WidePart(keras.layers.Layer):
    """Biases of user and title, each user's weights of the title's attributes, and user × title.

    The weights of user × attribute are exact. The cross user × title has as many values as there
    are pairs; it is hashed (8), and only pairs of trained users and titles have a weight.

    Args:
        settings: settings of the wide part.
        known: what is known of users and titles.

    Attributes:
        attributes: the titles' crossed attributes: float32 [titles, m].
    """

    def __init__(self, settings: Wide, known: Knowledge) -> None:
        super().__init__(name="wide")
        self.attributes = tf.constant(known.crossed(settings.crosses))
        width = 1 + self.attributes.shape[1]
        self.users = GaussianTable(known.users, width, start=0.01, name="users")
        self.items = GaussianTable(known.items, 1, start=0.01, name="items")
        self.crosses, self.l2, self.buckets = settings.crosses, settings.l2, settings.buckets
        self.first = known.users.part.start
        self.pair: Table | None = None
        if PAIR in settings.crosses:
            self.pair = Table(settings.buckets, 1, embeddings_initializer="zeros", name="pair")

    def call(
        self, user: tf.Tensor, item: tf.Tensor, row: tf.Tensor
    ) -> tuple[Normal, tf.Tensor, tf.Tensor]:
        """Score each pair.

        Args:
            user, item: rows of the weights, 0 without training ratings: int32 [n].
            row: row of the item table: int32 [n].

        Returns:
            Scores; divergences from the prior; penalties of the hashed weights: [n] each.
        """
        (of_user, divergence), (of_item, more) = self.users(user), self.items(item)
        one = tf.ones([tf.size(row), 1])
        factors = tf.concat([one, tf.gather(self.attributes, row)], 1)
        mean = tf.reduce_sum(of_user.mean * factors, 1) + of_item.mean[:, 0]
        variance = tf.reduce_sum(of_user.variance * factors**2, 1) + of_item.variance[:, 0]
        penalty = tf.zeros_like(mean)
        if self.pair is not None:
            known = tf.cast((user + self.first > 0) & (item > 0), tf.float32)
            weight = known * self.pair(self._bucket(user + self.first, item))[:, 0]
            mean, penalty = mean + weight, self.l2 / 2 * weight**2
        return Normal(mean, variance), divergence + more, penalty

    def _bucket(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """(8): hash pairs to int32 [n]."""
        left, right = tf.cast(user, tf.uint64), tf.cast(item, tf.uint64)
        shift_right, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
        return tf.cast(hashed_cross(left, right, self.buckets, shift_right, xor), tf.int32)
