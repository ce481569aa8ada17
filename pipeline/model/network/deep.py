"""The deep part: embeddings and standardised numbers through ReLU layers."""

import keras
import tensorflow as tf

from pipeline.model.network.embedding import Table
from pipeline.settings.sections import Deep
from pipeline.tables.entities import Entities


class DeepPart(keras.layers.Layer):
    """Multilayer perceptron on embeddings, attributes and rating histories of user and title.

    Attributes:
        OF_USER: names of the inputs that depend on the user alone.
    """

    OF_USER = ("user", "user_numbers", "user_history")

    def __init__(self, settings: Deep, users: Entities, items: Entities) -> None:
        super().__init__(name="deep")
        self.users, self.items = users, items

        def table(name: str, rows: int, size: int) -> Table:
            start = keras.initializers.RandomNormal(stddev=0.01)
            return Table(rows, size, embeddings_initializer=start, name=name)

        self.user = table("user", users.n_trained + 1, settings.embedding)
        self.item = table("item", items.n_trained + 1, settings.embedding)
        self.attributes = {
            name: table(name, size, settings.attribute_embedding)
            for name, size in items.words.items()
        }
        self.hidden = keras.Sequential(
            [
                layer
                for units in settings.units
                for layer in (
                    keras.layers.Dense(units, activation="relu"),
                    keras.layers.Dropout(settings.dropout),
                )
            ]
        )
        self.out = keras.layers.Dense(1, kernel_initializer="zeros")

    def call(
        self, user: tf.Tensor, item: tf.Tensor, rows: tuple[tf.Tensor, tf.Tensor],
        history: tf.Tensor, training: bool = False,
    ) -> tf.Tensor:  # fmt: skip
        """Score each pair.

        Args:
            user, item: rows of the embedding tables, 0 without training ratings: int32 [n].
            rows: rows of the user table and of the item table: int32 [n] each.
            history: as ``WideDeep.histories`` returns it: float32 [n, 4].
            training: whether dropout is on.

        Returns:
            float32 [n].
        """
        inputs = tf.concat(list(self.inputs(user, item, rows, history).values()), 1)
        return self.out(self.hidden(inputs, training=training))[:, 0]

    def inputs(
        self,
        user: tf.Tensor,
        item: tf.Tensor,
        rows: tuple[tf.Tensor, tf.Tensor],
        history: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Return the inputs of the first layer by name, in its order: float32 [n, size] each."""
        return {
            "user": self.user(user),
            "item": self.item(item),
            **{name: self.pooled(name, rows[1]) for name in self.attributes},
            "user_numbers": tf.gather(self.users.numbers, rows[0]),
            "item_numbers": tf.gather(self.items.numbers, rows[1]),
            "user_history": history[:, :2],
            "item_history": history[:, 2:],
        }

    def pooled(self, name: str, row: tf.Tensor) -> tf.Tensor:
        """Average the embeddings of a title's values of one attribute: float32 [n, size]."""
        codes = tf.gather(self.items.codes[name], row)
        present = tf.cast(codes >= 0, tf.float32)[..., None]
        vectors = self.attributes[name](tf.maximum(codes, 0))
        return tf.reduce_sum(vectors * present, 1) / tf.reduce_sum(present, 1)
