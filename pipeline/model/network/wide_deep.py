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

STEPS = 32  # batches per call of the compiled loop: amortises the overhead of Python


class WideDeep(keras.Model):
    """Predicts ratings: the training mean plus the wide part, the deep part, or both.

    ``model(rows)`` takes the columns named in ``ROW``, int32 [n] each, and returns float32 [n].
    Call ``adapt`` before training.

    Attributes:
        scale: mean and standard deviation of the ratings, then of the log-counts (7) of users and
            of titles: float32 [6].
    """

    def __init__(self, settings: Model, users: Entities, items: Entities) -> None:
        super().__init__(name="wide_deep")
        self.users, self.items = users, items
        self.wide = WidePart(settings.wide, users, items) if settings.wide else None
        self.deep = DeepPart(settings.deep, users, items) if settings.deep else None
        self.scale = self.add_weight(shape=(6,), trainable=False, name="scale")
        self({name: tf.zeros(1, tf.int32) for name in ROW})  # the first call creates the weights

    def adapt(self, rows: dict[str, Array], ratings: Array) -> None:
        """Set ``scale`` from the training rows: columns [n] named in ``ROW``, and ratings [n]."""
        counts = [np.log1p(rows[name]) for name in ("user_count", "item_count")]
        columns = [ratings, *counts]
        self.scale.assign([f for column in columns for f in (column.mean(), column.std() or 1)])

    def call(self, rows: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Predict the rating of each row, not clipped to the scale."""
        pair = rows["user"], rows["item"]
        user = tf.where(pair[0] <= self.users.n_trained, pair[0], 0)
        item = tf.where(pair[1] <= self.items.n_trained, pair[1], 0)
        total = tf.fill(tf.shape(user), self.scale.value[0])
        if self.wide:
            total += self.wide(user, item, pair[1])
        if self.deep:
            total += self.deep(user, item, pair, self.histories(rows), training=training)
        return total

    def histories(self, rows: dict[str, tf.Tensor]) -> tf.Tensor:
        """(6), (7): history and log-count of the user, then of the title: float32 [n, 4]."""
        mean, deviation, *log_scales = tf.unstack(self.scale.value)
        columns: list[tf.Tensor] = []
        for name, log_scale in (("user", log_scales[:2]), ("item", log_scales[2:])):
            total, count = (tf.cast(rows[f"{name}_{of}"], tf.float32) for of in ("sum", "count"))
            scale = (mean, deviation, *log_scale)
            columns += rating_history(total, count, tf.math.log1p(count), scale)
        return tf.stack(columns, 1)

    def compile(self, settings: Model) -> None:
        """Set the optimizers, FTRL for wide and AdaGrad for deep, and the squared error as loss."""
        self.parts: list[tuple[keras.Layer, keras.Optimizer]] = []
        if wide := settings.wide:
            self.parts.append((self.wide, SparseFtrl(wide.learning_rate, wide.l1, wide.l2)))
        if deep := settings.deep:
            self.parts.append((self.deep, SparseAdagrad(deep.learning_rate, deep.l2)))
        super().compile(loss="mse", jit_compile=False, steps_per_execution=STEPS)

    def train_step(self, data: tuple[dict[str, tf.Tensor], tf.Tensor]) -> dict[str, Any]:
        """Take one joint gradient step: one loss, and an optimizer per part."""
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
