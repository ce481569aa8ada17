"""Wide & Deep (Cheng et al. 2016, arXiv 1606.07792): both parts trained jointly on one loss."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.model.checkpoint import State
from pipeline.model.network.deep import DeepPart
from pipeline.model.network.gaussian import Normal
from pipeline.model.network.knowledge import Knowledge
from pipeline.model.network.optimizers import OneCycle, SparseAdam
from pipeline.model.network.wide import WidePart
from pipeline.settings.sections import Model, Train

PERCEPTRON_RATE = 0.03  # learning rate of the ReLU layers, as a share of that of all else
PERCEPTRON_DECAY = 20.0  # their decoupled weight decay: unrestrained they overfit at once
SEEDS = "seed_generator_state"  # how Keras calls the state of its random numbers
ROW = ("user", "item")  # inputs of the network


class WideDeep(keras.Model):
    """Predicts ratings in steps: the training mean plus the wide part, the deep part, or both.

    ``model(rows)`` takes the columns named in ``ROW``, int32 [n] each, and returns float32 [n].
    Each worker has the vectors of its users; all else is the same on all workers.

    Args:
        settings: which parts, and their settings.
        known: what is known of the worker's users and of titles.
        ratings: mean and variance of the training ratings in steps, and their number.
        step: distance between two grades. In steps, one learning rate suits all scales.
        precision: Keras's dtype policy of the ReLU layers.

    Attributes:
        log_noise: logarithm of the noise variance σ² of the ratings: float32 [].
    """

    def __init__(
        self,
        settings: Model,
        known: Knowledge,
        ratings: tuple[float, float, int],
        step: float = 1.0,
        precision: str = "float32",
    ) -> None:
        super().__init__(name="wide_deep")
        (self.mean, variance, number), self.step = ratings, step
        self.parts = known.users.part, known.items.part
        self.wide = WidePart(settings.wide, known) if settings.wide else None
        self.deep = DeepPart(settings.deep, known, number, precision) if settings.deep else None
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
        user, item = (
            tf.where(rows[name] < part.size, rows[name], 0)
            for name, part in zip(ROW, self.parts, strict=True)
        )
        zero = tf.zeros(tf.shape(row))
        score, divergence, penalty = Normal(zero + self.mean + self.intercept, zero), zero, zero
        if self.wide:
            wide, divergence, penalty = self.wide(user, item, row)
            score += wide
        if self.deep:
            deep, more = self.deep(user, item, row, training=training)
            score, divergence = score + deep, divergence + more
        return score, divergence, penalty

    def prepare(self, settings: Train, steps: int) -> None:
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

    def gradients(
        self,
        rows: dict[str, tf.Tensor],
        ratings: tf.Tensor,
        total: Callable[[list[Any], list[Any]], tuple[list[Any], list[Any]]],
    ) -> tuple[list[Any], tf.Tensor]:
        """Differentiate the loss (11) of the batches of all workers.

        Args:
            rows, ratings: the batch of this worker.
            total: sums gradients over the workers, except for those of users' tables.

        Returns:
            The gradient of each of ``trainable_variables``, for the sum over rows, and the sum of
            their squared errors: float32 [].
        """
        with tf.GradientTape() as tape:
            loss, error = self.loss_of(rows, ratings)
        variables, tables = self.trainable_variables, self.tables_of_users
        shared = [v for v in variables if all(v is not table for table in tables)]
        own, gradients = tape.gradient(loss, [tables, shared])
        (*summed, error), own = total([*gradients, error], own)
        of = {id(v): g for v, g in zip([*shared, *tables], [*summed, *own], strict=True)}
        return [of[id(variable)] for variable in variables], error

    def descend(self, gradients: list[Any], number: float) -> None:
        """Take one joint step against the mean gradient of ``number`` rows."""
        of = {id(v): g for v, g in zip(self.trainable_variables, gradients, strict=True)}
        for optimizer, variables in zip(self.optimizers, self.groups, strict=True):
            if variables:
                optimizer.apply([_divided(of[id(v)], number) for v in variables], variables)

    def errors(self, rows: dict[str, tf.Tensor], ratings: tf.Tensor) -> tf.Tensor:
        """Return the sum of the squared errors of predictions: float32 []."""
        return tf.reduce_sum((self(rows) - ratings) ** 2)

    def loss_of(
        self, rows: dict[str, tf.Tensor], ratings: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(11): return the summed loss of a batch, and the squared errors of its predictions."""
        score, divergence, penalty = self.score(rows, training=True)
        error, noise = (score.mean - ratings) ** 2, self.log_noise.value
        misfit = (error + score.variance) * tf.exp(-noise) / 2 + noise / 2
        loss = tf.reduce_sum(misfit + penalty + self.divergence_weight * divergence)
        return loss, tf.reduce_sum(error)

    @property
    def groups(self) -> list[list[Any]]:
        """The variables of each optimizer: those of the ReLU layers are the second group."""
        perceptron = self.deep.perceptron() if self.deep else []
        chosen = {id(variable) for variable in perceptron}
        return [[v for v in self.trainable_variables if id(v) not in chosen], perceptron]

    @property
    def tables_of_users(self) -> list[Any]:
        """The variables with a row for each user of this worker; all others are shared."""
        return [part.users.rows.embeddings for part in (self.wide, self.deep) if part]

    @property
    def state(self) -> State:
        """All that determines the rest of the training, for a checkpoint."""
        sparse, part = self.optimizers[0], self.parts[0]
        tables = self.tables_of_users
        tables += [mean for table in self.tables_of_users for mean in sparse.state_of(table)]
        own = {id(table) for table in tables}
        variables = [*self.variables, *(v for each in self.optimizers for v in each.variables)]
        shared = [variable for variable in variables if id(variable) not in own]
        return State(shared, [(table, part) for table in tables])

    def vary(self, rank: int) -> None:
        """Let each worker have random numbers of its own; call this once the state is restored."""
        for variable in self.variables:
            if variable.path.endswith(SEEDS):
                variable.assign_add([rank, 0])


def _divided(gradient: Any, number: tf.Tensor) -> Any:
    """Divide a gradient, which may be sparse."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient / number
    return tf.IndexedSlices(gradient.values / number, gradient.indices, gradient.dense_shape)
