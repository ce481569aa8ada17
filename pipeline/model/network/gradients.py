"""Gradients of all workers, summed with as few numbers as possible in one message."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.model.network.optimizers import summed_by_row
from pipeline.model.workers import Workers, totals

BASE = 4096  # float32 has all whole numbers up to its square, so two of them give any row exactly


class Exchange:
    """Sums gradients over all workers, in a function that ``Workers.run`` runs.

    TensorFlow would gather each sparse gradient in three messages, one after the other. Here all
    gradients travel in one, and that of a table as the whole table or as the rows of a batch,
    whichever has fewer numbers.

    Args:
        rows: most rows in a batch of this worker.
        workers: the workers.
    """

    def __init__(self, rows: int, workers: Workers) -> None:
        self.alone, ends = workers.number == 1, np.cumsum(workers.each(rows))
        self.rows, self.first = int(ends[-1]), int(ends[workers.rank]) - rows

    def __call__(self, gradients: list[Any]) -> list[Any]:
        """Sum tensors, and sparse gradients (``tf.IndexedSlices`` of matrices), over all workers.

        Args:
            gradients: float32, of any shapes; sparse ones have at most one row for each of a batch.
        """
        if self.alone:
            return gradients
        summed = totals([self._packed(gradient) for gradient in gradients])
        return [self._unpacked(*pair) for pair in zip(gradients, summed, strict=True)]

    def _as_rows(self, gradient: tf.IndexedSlices) -> bool:
        """Whether the rows of a batch are fewer numbers than the table."""
        (length, width), most = tf.get_static_value(gradient.dense_shape), self.rows
        return bool(most * (width + 2) < length * width)

    def _packed(self, gradient: Any) -> tf.Tensor:
        """Return the numbers that travel: a tensor of known shape, the same on all workers."""
        if not isinstance(gradient, tf.IndexedSlices):
            return gradient
        if not self._as_rows(gradient):
            table = tf.convert_to_tensor(gradient)
            return tf.ensure_shape(table, tf.get_static_value(gradient.dense_shape))
        values, rows = summed_by_row(gradient)
        from_one = tf.stack([(rows + 1) // BASE, (rows + 1) % BASE], 1)  # 0 where nothing is
        values = tf.concat([values, tf.cast(from_one, tf.float32)], 1)
        after = self.rows - self.first - tf.size(rows)
        values = tf.pad(values, [[self.first, after], [0, 0]])
        return tf.ensure_shape(values, [self.rows, gradient.shape[1] + 2])

    def _unpacked(self, gradient: Any, summed: tf.Tensor) -> Any:
        """Give a sum the form that the gradient had."""
        if not isinstance(gradient, tf.IndexedSlices):
            return summed
        if self._as_rows(gradient):
            row = tf.cast(summed[:, -2], tf.int32) * BASE + tf.cast(summed[:, -1], tf.int32) - 1
            summed = summed[:, :-2]
        else:
            row = tf.where(tf.reduce_any(summed != 0, 1), tf.range(summed.shape[0]), -1)
        filled = tf.where(row >= 0)[:, 0]
        values, row = tf.gather(summed, filled), tf.gather(row, filled)
        return tf.IndexedSlices(values, row, gradient.dense_shape)
