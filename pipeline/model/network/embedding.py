"""A table of vectors that is looked up without being read."""

import keras
import tensorflow as tf


class Table(keras.layers.Embedding):
    """Keras's embedding, of which only the rows that are looked up are touched.

    Keras reads the variable before it gathers; once an optimizer has updated single rows,
    TensorFlow makes that a copy of the whole table at every step.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Look up rows: int32 [...] to float32 [..., size]."""
        return tf.gather(self.embeddings.value, inputs)
