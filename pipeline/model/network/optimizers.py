"""FTRL and AdaGrad that update only the embedding rows that a batch looked up.

Keras's own optimizers update every row of an embedding table at every step. Here a sparse gradient
(``tf.IndexedSlices``) goes to TensorFlow's sparse kernels; dense gradients stay with Keras.
Cheng et al. (2016) train the wide part with FTRL and the deep part with AdaGrad.
"""

from typing import Any

import keras
import tensorflow as tf


def summed_by_row(gradient: tf.IndexedSlices) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum a sparse gradient by row: (gradient [rows, …], row index [rows]), each row once."""
    rows, segments = tf.unique(gradient.indices)
    return tf.math.unsorted_segment_sum(gradient.values, segments, tf.size(rows)), rows


class SparseFtrl(keras.optimizers.Ftrl):
    """FTRL-Proximal (McMahan et al. 2013); sparse gradients update only their rows."""

    def __init__(self, learning_rate: float, l1: float = 0.0, l2: float = 0.0) -> None:
        super().__init__(
            learning_rate, l1_regularization_strength=l1, l2_regularization_strength=l2
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update ``variable``: with a sparse gradient, only the rows in it."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        summed, rows = summed_by_row(gradient)
        tf.raw_ops.ResourceSparseApplyFtrlV2(
            var=variable.handle,
            accum=self._accumulators[index].value.handle,
            linear=self._linears[index].value.handle,
            grad=summed,
            indices=rows,
            lr=learning_rate,
            l1=self.l1_regularization_strength,
            l2=self.l2_regularization_strength,
            l2_shrinkage=self.l2_shrinkage_regularization_strength,
            lr_power=self.learning_rate_power,
        )


class SparseAdagrad(keras.optimizers.Adagrad):
    """AdaGrad (Duchi et al. 2011); sparse gradients update, and L2 shrinks, only their rows."""

    def __init__(self, learning_rate: float, l2: float = 0.0) -> None:
        super().__init__(learning_rate)
        self.l2 = l2

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update ``variable``: with a sparse gradient, only the rows in it."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        summed, rows = summed_by_row(gradient)
        tf.raw_ops.ResourceSparseApplyAdagradV2(
            var=variable.handle,
            accum=self._accumulators[self._get_variable_index(variable)].value.handle,
            lr=learning_rate,
            epsilon=self.epsilon,
            grad=summed + self.l2 * tf.gather(variable, rows),
            indices=rows,
        )
