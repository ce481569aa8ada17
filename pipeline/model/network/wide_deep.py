"""Wide & Deep (Cheng et al. 2016, arXiv 1606.07792): both parts trained jointly on one loss."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.artifact.formulas import rating_history
from pipeline.model.network.deep import DeepPart
from pipeline.model.network.optimizers import SparseAdagrad, SparseFtrl
from pipeline.model.network.wide import WidePart
from pipeline.settings.sections import Model
from pipeline.tables.earlier import ROW
from pipeline.tables.entities import Entities

STEPS = 32  # batches per call of the compiled loop


class WideDeep(keras.Model):
    """Predicts ratings: the training mean plus the wide and the deep part, whichever there are.

    ``model(rows)`` takes a dict of int32 vectors [n], one for each name in ``rows.ROW``, and
    gives float32 [n]. ``adapt`` comes before training.
    """

    def __init__(self, settings: Model, users: Entities, items: Entities) -> None:
        super().__init__(name="wide_deep")
        self.users, self.items = users, items
        self.wide = WidePart(settings.wide, users, items) if settings.wide else None
        self.deep = DeepPart(settings.deep, users, items) if settings.deep else None
        self.scale = self.add_weight(shape=(6,), trainable=False, name="scale")
        self({name: tf.zeros(1, tf.int32) for name in ROW})  # makes the tables

    def adapt(self, rows: dict[str, Array], ratings: Array) -> None:
        """Learn mean and deviation of the ratings and of the counts from the training rows."""
        counts = [np.log1p(rows[name]) for name in ("user_count", "item_count")]
        columns = [ratings, *counts]
        self.scale.assign([f for column in columns for f in (column.mean(), column.std() or 1)])

    def call(self, rows: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Predict the rating of each row, not clipped to the scale."""
        places = rows["user"], rows["item"]
        user = tf.where(places[0] <= self.users.n_trained, places[0], 0)
        item = tf.where(places[1] <= self.items.n_trained, places[1], 0)
        total = tf.fill(tf.shape(user), self.scale.value[0])
        if self.wide:
            total += self.wide(user, item, places[1])
        if self.deep:
            total += self.deep(user, item, places, self.histories(rows), training=training)
        return total

    def histories(self, rows: dict[str, tf.Tensor]) -> tf.Tensor:
        """(6): normalise mean and count of earlier ratings of user and title: float32 [n, 4]."""
        mean, deviation, *log_scales = tf.unstack(self.scale.value)
        columns: list[tf.Tensor] = []
        for name, log_scale in (("user", log_scales[:2]), ("item", log_scales[2:])):
            total, count = (tf.cast(rows[f"{name}_{of}"], tf.float32) for of in ("sum", "count"))
            scale = (mean, deviation, *log_scale)
            columns += rating_history(total, count, tf.math.log1p(count), scale)
        return tf.stack(columns, 1)

    def compile(self, settings: Model) -> None:
        """Give the wide part FTRL, the deep part AdaGrad, and both the squared error."""
        self.parts: list[tuple[keras.Layer, keras.Optimizer]] = []
        if wide := settings.wide:
            self.parts.append((self.wide, SparseFtrl(wide.learning_rate, wide.l1, wide.l2)))
        if deep := settings.deep:
            self.parts.append((self.deep, SparseAdagrad(deep.learning_rate, deep.l2)))
        super().compile(loss="mse", jit_compile=False, steps_per_execution=STEPS)

    def train_step(self, data: tuple[dict[str, tf.Tensor], tf.Tensor]) -> dict[str, Any]:
        """Take one joint step: one loss, and each part's gradients to the part's optimizer."""
        rows, ratings = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(rows, ratings, self(rows, training=True))
        variables = [part.trainable_variables for part, _ in self.parts]
        gradients = tape.gradient(loss, variables)
        for (_, optimizer), gradient, variable in zip(
            self.parts, gradients, variables, strict=True
        ):
            optimizer.apply(gradient, variable)
        self._loss_tracker.update_state(loss, sample_weight=tf.size(ratings))
        return self.get_metrics_result()
