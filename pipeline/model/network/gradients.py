"""Gradients of all workers, summed with as few numbers as possible in one message."""

from typing import Any

import tensorflow as tf

from pipeline.model.workers import Workers, gathered, is_short, totals


class Exchange:
    """Sums gradients over all workers, in a function that ``Workers.run`` runs.

    TensorFlow would gather each sparse gradient in three messages, one after the other. Here all
    gradients travel in one, and that of a table as rows of the batch or as the whole table,
    whichever takes fewer numbers.

    Args:
        rows: most rows in a batch of this worker.
        workers: the workers.
    """

    def __init__(self, rows: int, workers: Workers) -> None:
        self.number, self.rows = workers.number, int(workers.each(rows).max())

    def __call__(self, shared: list[Any], own: list[Any]) -> tuple[list[Any], list[Any]]:
        """Sum tensors, and sparse gradients (``tf.IndexedSlices`` of matrices), over all workers.

        Args:
            shared: float32, of any shapes; sparse ones have at most one row for each of a batch.
            own: sparse gradients that stay as they are. TensorFlow gets them when all others are
                on their way, so that it has something to do meanwhile.

        Returns:
            The sums, and ``own``. Sparse sums may have zeros for more rows, and a row in parts.
        """
        if self.number == 1:
            return shared, own
        as_rows = [self._as_rows(gradient) for gradient in shared]
        rows = [self._packed(g) for g, chosen in zip(shared, as_rows, strict=True) if chosen]
        whole = [_whole(g) for g, chosen in zip(shared, as_rows, strict=True) if not chosen]
        with tf.control_dependencies([*rows, *whole]):
            own = [tf.identity(gradient) for gradient in own]
        if is_short(whole):  # otherwise sums take fewer numbers, in a message of their own
            arrived = gathered([*rows, *whole])
            sums = [tf.reduce_sum(values, 0) for values in arrived[len(rows) :]]
        else:
            arrived, sums = gathered(rows), totals(whole)
        of_rows, of_whole = iter(arrived), iter(sums)
        return [
            self._unpacked(next(of_rows), gradient) if chosen else _like(next(of_whole), gradient)
            for gradient, chosen in zip(shared, as_rows, strict=True)
        ], own

    def _as_rows(self, gradient: Any) -> bool:
        """Whether a gradient is sparse, and its rows of all workers take less than the table."""
        if not isinstance(gradient, tf.IndexedSlices):
            return False
        length, width = _shape(gradient)
        return self.number * self.rows * (width + 1) < 2 * length * width

    def _packed(self, gradient: tf.IndexedSlices) -> tf.Tensor:
        """Return the bits of the row, 0 for none, then the values: float32 [rows, 1 + width]."""
        row = tf.bitcast(gradient.indices, tf.float32)
        packed = tf.concat([row[:, None], gradient.values], 1)
        packed = tf.pad(packed, [[0, self.rows - tf.size(row)], [0, 0]])
        return tf.ensure_shape(packed, [self.rows, 1 + _shape(gradient)[1]])

    def _unpacked(self, arrived: tf.Tensor, gradient: tf.IndexedSlices) -> tf.IndexedSlices:
        """Return the rows of all workers, of which ``_packed`` has arrived from each."""
        arrived = tf.reshape(arrived, [self.number * self.rows, 1 + _shape(gradient)[1]])
        row = tf.bitcast(arrived[:, 0], tf.int32)
        return tf.IndexedSlices(arrived[:, 1:], row, gradient.dense_shape)


def _whole(gradient: Any) -> tf.Tensor:
    """Return a gradient, which may be sparse, as a tensor of known shape."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.ensure_shape(tf.convert_to_tensor(gradient), _shape(gradient))


def _like(values: tf.Tensor, gradient: Any) -> Any:
    """Return a tensor in the form of a gradient, which may be sparse."""
    if not isinstance(gradient, tf.IndexedSlices):
        return values
    return tf.IndexedSlices(values, tf.range(values.shape[0]), gradient.dense_shape)


def _shape(gradient: tf.IndexedSlices) -> tuple[int, int]:
    """Return the shape of the table."""
    length, width = tf.get_static_value(gradient.dense_shape)
    return int(length), int(width)
