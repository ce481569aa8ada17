"""Wide & Deep (Cheng et al. 2016, arXiv 1606.07792): both parts trained jointly on one loss."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.model.network.deep import DeepPart
from pipeline.model.network.gaussian import Normal
from pipeline.model.network.knowledge import Knowledge
from pipeline.model.network.optimizers import OneCycle, SparseAdam
from pipeline.model.network.wide import WidePart
from pipeline.settings.sections import Model, Train

STEPS = 32  # batches per call of the compiled loop: amortises the overhead of Python
PERCEPTRON_RATE = 0.03  # learning rate of the ReLU layers, as a share of that of all else
PERCEPTRON_DECAY = 20.0  # their decoupled weight decay: unrestrained they overfit at once
ROW = ("user", "item")  # inputs of the network


class WideDeep(keras.Model):
    """Predicts ratings in steps: the training mean plus the wide part, the deep part, or both.

    ``model(rows)`` takes the columns named in ``ROW``, int32 [n] each, and returns float32 [n].

    Args:
        settings: which parts, and their settings.
        known: what is known of users and titles.
        ratings: mean and variance of the training ratings in steps, and their number.
        step: distance between two grades. In steps, one learning rate suits all scales.

    Attributes:
        log_noise: logarithm of the noise variance σ² of the ratings: float32 [].
    """

    def __init__(
        self,
        settings: Model,
        known: Knowledge,
        ratings: tuple[float, float, int],
        step: float = 1.0,
    ) -> None:
        super().__init__(name="wide_deep")
        (self.mean, variance, number), self.step = ratings, step
        self.trained = len(known.user_counts), len(known.item_counts)
        self.wide = WidePart(settings.wide, known) if settings.wide else None
        self.deep = DeepPart(settings.deep, known, number) if settings.deep else None
        self.intercept = self.add_weight(shape=(), initializer="zeros", name="intercept")
        half = keras.initializers.Constant(np.log(variance / 2))
        self.log_noise = self.add_weight(shape=(), initializer=half, name="log_noise")
        self({name: tf.zeros(1, tf.int32) for name in ROW})  # the first call creates the weights

    def call(self, rows: dict[str, tf.Tensor]) -> tf.Tensor:
        """Predict the rating of each row in steps, not clipped to the scale."""
        return self.score(rows, training=False)[0].mean

    def score(
        self, rows: dict[str, tf.Tensor], training: bool
    ) -> tuple[Normal, tf.Tensor, tf.Tensor]:
        """Return the predictions of rows, divergences and penalties: [n] each."""
        row = rows["item"]
        user = tf.where(rows["user"] < self.trained[0], rows["user"], 0)
        item = tf.where(row < self.trained[1], row, 0)
        zero = tf.zeros(tf.shape(row))
        score, divergence, penalty = Normal(zero + self.mean + self.intercept, zero), zero, zero
        if self.wide:
            wide, divergence, penalty = self.wide(user, item, row)
            score += wide
        if self.deep:
            deep, more = self.deep(user, item, row, training=training)
            score, divergence = score + deep, divergence + more
        return score, divergence, penalty

    def compile(self, settings: Train, steps: int) -> None:
        """Set the optimizers, of all weights and of the ReLU layers, and their learning rate.

        Args:
            settings: settings of the training.
            steps: number of all steps of the training.
        """
        self.divergence_weight, rate = settings.divergence_weight, settings.learning_rate
        slow = OneCycle(rate * PERCEPTRON_RATE, steps)
        adam = keras.optimizers.AdamW(slow, weight_decay=PERCEPTRON_DECAY)
        adam.exclude_from_weight_decay(var_names=["bias"])
        self.optimizers = [SparseAdam(OneCycle(rate, steps)), adam]
        for optimizer, variables in zip(self.optimizers, self.groups, strict=True):
            optimizer.build(variables)
        super().compile(loss="mse", jit_compile=False, steps_per_execution=STEPS)

    def train_step(self, data: tuple[dict[str, tf.Tensor], tf.Tensor]) -> dict[str, Any]:
        """Take one joint gradient step on the loss; report the squared error."""
        rows, ratings = data
        with tf.GradientTape() as tape:
            loss, error = self.loss_of(rows, ratings)
        groups = self.groups
        gradients = tape.gradient(loss, groups)
        for optimizer, gradient, variables in zip(self.optimizers, gradients, groups, strict=True):
            if variables:
                optimizer.apply(gradient, variables)
        self._loss_tracker.update_state(error, sample_weight=tf.size(ratings))
        return self.get_metrics_result()

    def loss_of(
        self, rows: dict[str, tf.Tensor], ratings: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(11): return the loss of a batch, and the mean squared error of its predictions."""
        score, divergence, penalty = self.score(rows, training=True)
        error, noise = (score.mean - ratings) ** 2, self.log_noise.value
        misfit = (error + score.variance) * tf.exp(-noise) / 2 + noise / 2
        loss = tf.reduce_mean(misfit + penalty + self.divergence_weight * divergence)
        return loss, tf.reduce_mean(error)

    @property
    def groups(self) -> list[list[Any]]:
        """The variables of each optimizer: those of the ReLU layers are the second group."""
        perceptron = self.deep.perceptron() if self.deep else []
        chosen = {id(variable) for variable in perceptron}
        return [[v for v in self.trainable_variables if id(v) not in chosen], perceptron]

    @property
    def state(self) -> list[Any]:
        """All that determines the rest of the training, for a checkpoint."""
        return [*self.variables, *(v for each in self.optimizers for v in each.variables)]
