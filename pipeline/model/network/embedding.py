"""An embedding table whose lookups do not copy it."""

import keras
import tensorflow as tf


class Table(keras.layers.Embedding):
    """Keras embedding that gathers from the variable itself.

    Keras reads the whole variable before it gathers. Once an optimizer has updated single rows,
    TensorFlow turns this read into a copy of the table at every step.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Look up rows: int32 [...] to float32 [..., size]."""
        return tf.gather(self.embeddings.value, inputs)
