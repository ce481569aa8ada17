"""Adam that updates only the embedding rows that a batch looked up, and its learning rate.

Keras's own optimizers update every row of an embedding table at every step. Here a sparse gradient
(``tf.IndexedSlices``) updates its rows alone, with the result of the dense update.
"""

import math
from typing import Any

import keras
import tensorflow as tf

MOMENTUM = 0.9  # decay of the mean of gradients, per step
DECAY = 0.999  # of the mean of squared gradients, per step
EPSILON = 1e-10
WARM_UP = 0.3  # share of the steps in which the learning rate rises
FIRST = 0.04  # first learning rate, as a share of the highest


def summed_by_row(gradient: tf.IndexedSlices) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum a sparse gradient by row: (gradient [rows, …], row index [rows]), each row once."""
    rows, segments = tf.unique(gradient.indices)
    return tf.math.unsorted_segment_sum(gradient.values, segments, tf.size(rows)), rows


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that rises and falls along half cosines (Smith & Topin 2017, arXiv 1708.07120).

    Args:
        highest: learning rate after the first WARM_UP of the steps.
        steps: number of all steps; at the last one the learning rate is next to 0.
    """

    def __init__(self, highest: float, steps: int) -> None:
        self.highest, self.steps = highest, steps

    def __call__(self, step: Any) -> tf.Tensor:
        """Return the learning rate of a step, from 0."""
        done = tf.cast(step, tf.float32) / self.steps
        rise = (1 - tf.cos(math.pi * tf.minimum(done / WARM_UP, 1))) / 2
        fall = (1 + tf.cos(math.pi * tf.maximum(done - WARM_UP, 0) / (1 - WARM_UP))) / 2
        share = tf.where(done < WARM_UP, FIRST + (1 - FIRST) * rise, fall)
        return self.highest * share


class SparseAdam(keras.optimizers.Optimizer):
    """Adam (Kingma & Ba 2015); sparse gradients update only their rows.

    Adam goes on moving a row, and its two means go on decaying, when it has no gradient. Here a row
    makes these steps at once when it is touched next, so the result does not depend on how often
    that is. Only the learning rate of the steps in between is taken to be the present one.
    """

    def build(self, variables: list[Any]) -> None:
        """Create both means of each variable, and the last step of each row of a table."""
        if self.built:
            return
        super().build(variables)
        self.means, self.squares = (
            self.add_optimizer_variables(variables, name) for name in ("mean", "square")
        )
        self.last = [
            self.add_variable(variable.shape[:1], dtype="int32", name="last")
            for variable in variables
        ]

    def state_of(self, variable: Any) -> list[Any]:
        """Return both means of a variable, and the last step of each of its rows."""
        index = self._get_variable_index(variable)
        return [self.means[index], self.squares[index], self.last[index]]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update ``variable``: with a sparse gradient, only the rows in it."""
        index = self._get_variable_index(variable)
        mean, square, last = self.means[index], self.squares[index], self.last[index]
        step = tf.cast(self.iterations.value, tf.int32) + 1
        if not isinstance(gradient, tf.IndexedSlices):
            mean.assign(MOMENTUM * mean + (1 - MOMENTUM) * gradient)
            square.assign(DECAY * square + (1 - DECAY) * gradient**2)
            variable.assign_sub(learning_rate * _direction(mean.value, square.value, step))
            return
        summed, rows = summed_by_row(gradient)
        since = (step - tf.gather(last.value, rows))[:, None]
        old_mean, old_square = tf.gather(mean.value, rows), tf.gather(square.value, rows)
        new_mean = _power(MOMENTUM, since) * old_mean + (1 - MOMENTUM) * summed
        new_square = _power(DECAY, since) * old_square + (1 - DECAY) * summed**2
        steps = (MOMENTUM - _power(MOMENTUM, since)) / (1 - MOMENTUM)  # those without a gradient
        before = tf.maximum(step - since, 1)
        change = _direction(new_mean, new_square, step)
        change += steps * _direction(old_mean, old_square, before)
        last_steps = tf.fill(tf.shape(rows), step)
        for table, values in ((mean, new_mean), (square, new_square), (last, last_steps)):
            tf.raw_ops.ResourceScatterUpdate(
                resource=table.value.handle, indices=rows, updates=values
            )
        tf.raw_ops.ResourceScatterSub(
            resource=variable.handle, indices=rows, updates=learning_rate * change
        )


def _direction(mean: tf.Tensor, square: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Return the step of Adam, both means corrected for their start at 0."""
    corrected = mean / (1 - _power(MOMENTUM, step))
    return corrected / (tf.sqrt(square / (1 - _power(DECAY, step))) + EPSILON)


def _power(base: float, exponent: tf.Tensor) -> tf.Tensor:
    return tf.pow(base, tf.cast(exponent, tf.float32))
