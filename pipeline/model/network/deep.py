"""The deep part: embeddings, their product, and ReLU layers, which generalise."""

import keras
import tensorflow as tf

from pipeline.model.network.gaussian import GaussianMap, GaussianTable, Normal, product
from pipeline.model.network.knowledge import Knowledge
from pipeline.settings.sections import Deep


class DeepPart(keras.layers.Layer):
    """Vectors of users and titles; a pair's score is their product plus a multilayer perceptron.

    A vector is an embedding plus a linear map of what is known beside the ratings (6): who rated
    what, and the title's attributes. So users with few ratings and titles without any have one.

    Args:
        settings: settings of the deep part.
        known: what is known of users and titles.
        epoch: number of training rows, over which the divergence of the maps is spread.
        precision: dtype policy of the ReLU layers; the last layer and all else are float32.
    """

    def __init__(self, settings: Deep, known: Knowledge, epoch: int, precision: str) -> None:
        super().__init__(name="deep")
        self.width, self.attributes, self.epoch = settings.embedding, settings.attributes, epoch
        self.user_inputs, self.item_inputs = (
            tf.constant(inputs.columns) for inputs in (known.users, known.items)
        )
        self.users = GaussianTable(known.users, self.width, start=0.1, name="users")
        self.items = GaussianTable(known.items, self.width, start=0.1, name="items")
        self.user_map, self.item_map = (
            GaussianMap(inputs.sizes, self.width + 1, name)
            for inputs, name in ((known.users, "user_map"), (known.items, "item_map"))
        )
        self.seed = keras.random.SeedGenerator()
        self.dense = [
            keras.layers.Dense(units, activation="relu", dtype=precision)
            for units in settings.units
        ]
        self.dropout = keras.layers.Dropout(settings.dropout, dtype=precision)
        self.out = keras.layers.Dense(1, kernel_initializer="zeros")

    def call(
        self, user: tf.Tensor, item: tf.Tensor, row: tf.Tensor, training: bool = False
    ) -> tuple[Normal, tf.Tensor]:
        """Score each pair.

        Args:
            user, item: rows of the embeddings, 0 without training ratings: int32 [n].
            row: row of the item table: int32 [n].
            training: whether dropout is on, and the perceptron sees draws of the vectors.

        Returns:
            Scores; divergences from the prior: [n] each.
        """
        (of_user, divergence), (of_item, more) = self.users(user), self.items(item)
        mapped = (
            self.user_map(tf.gather(self.user_inputs, user)),
            self.item_map(tf.gather(self.item_inputs, row)),
        )
        p, q = (
            own + both.columns(0, self.width)
            for own, both in zip((of_user, of_item), mapped, strict=True)
        )
        score = product(p, q)
        for both in mapped:
            score += both.columns(self.width, self.width + 1).flat()
        vectors = [self._draw(p), self._draw(q)] if training else [p.mean, q.mean]
        hidden = tf.concat([*vectors, vectors[0] * vectors[1]], 1)
        for layer in self.dense:
            hidden = self.dropout(layer(hidden), training=training)
        score = score._replace(mean=score.mean + self.out(hidden)[:, 0])
        maps = (self.user_map.divergence() + self.item_map.divergence()) / self.epoch
        return score, divergence + more + maps

    def perceptron(self) -> list[tf.Variable]:
        """Return the weights of the ReLU layers and the output layer."""
        return [v for layer in (*self.dense, self.out) for v in layer.trainable_variables]

    def _draw(self, vectors: Normal) -> tf.Tensor:
        noise = keras.random.normal(tf.shape(vectors.mean), seed=self.seed)
        return vectors.mean + tf.sqrt(vectors.variance) * noise
