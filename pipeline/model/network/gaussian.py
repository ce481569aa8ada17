"""Weights with a mean and a variance each: a normal approximation of their posterior.

Mean-field variational inference (Lim & Teh 2007 for matrix factorisation; Blundell et al. 2015,
arXiv 1505.05424, for networks): training minimises the expected squared error plus the
Kullback-Leibler divergence from the prior, equations (11) and (12) of docs/model.md. The prior's
variances are learned with the weights, so there is no penalty to tune for each table.
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.model.distributions import Random
from pipeline.model.network.embedding import Table
from pipeline.model.network.knowledge import Inputs
from pipeline.model.shard import Part

RATE = 3.0  # a log-variance is this many times its parameter: variances settle before means
SPREAD = 0.01  # initial variance of the weights


class Normal(NamedTuple):
    """Independent normal variables.

    Attributes:
        mean, variance: float32 of any one shape.
    """

    mean: tf.Tensor
    variance: tf.Tensor

    def __add__(self, other: "Normal") -> "Normal":  # type: ignore[override]
        """Add independent variables."""
        return Normal(self.mean + other.mean, self.variance + other.variance)

    def columns(self, start: int, end: int) -> "Normal":
        """Return some columns [n, end - start]."""
        return Normal(self.mean[:, start:end], self.variance[:, start:end])

    def flat(self) -> "Normal":
        """Return a single column [n, 1] as [n]."""
        return Normal(self.mean[:, 0], self.variance[:, 0])


def product(left: Normal, right: Normal) -> Normal:
    """Return mean and variance of the inner products of rows [n, k] of two tables: [n]."""
    spread = left.mean**2 * right.variance + left.variance * (right.mean**2 + right.variance)
    return Normal(tf.reduce_sum(left.mean * right.mean, 1), tf.reduce_sum(spread, 1))


def divergence(weights: Normal, log_prior: tf.Tensor) -> tf.Tensor:
    """(12): return the divergence of each weight from its prior, which has mean 0: float32."""
    relative = (weights.mean**2 + weights.variance) * tf.exp(-log_prior)
    return (relative - tf.math.log(weights.variance) + log_prior - 1) / 2


class GaussianTable(keras.layers.Layer):
    """Normal weights of users or titles; each column has a prior variance of its own.

    Mean and variance of a row lie side by side in one table, so a batch looks both up at once.

    Args:
        inputs: which users or titles, and their numbers of training ratings. The means of row 0 of
            all, which stands for any other one, are 0.
        width: number of weights of each.
        start: standard deviation of the initial means.
        name: name of the layer.
    """

    def __init__(self, inputs: Inputs, width: int, start: float, name: str) -> None:
        super().__init__(name=name)
        part, counts = inputs[:2]
        self.counts = tf.constant(np.maximum(counts, 1), tf.float32)
        self.width = width
        initial = _initial(part, width, start, 1)
        self.rows = Table(part.size, 2 * width, embeddings_initializer=initial, name="rows")
        self.log_prior = self.add_weight(
            shape=(width,), initializer=keras.initializers.Constant(np.log(2 * SPREAD))
        )

    def call(self, index: tf.Tensor) -> tuple[Normal, tf.Tensor]:
        """Look up rows: int32 [n].

        Returns:
            The weights [n, width]; and each row's divergence from the prior, divided by its
            number of ratings, so that an epoch adds up to the whole: float32 [n].
        """
        weights = _split(self.rows(index))
        total = tf.reduce_sum(divergence(weights, self.log_prior.value), 1)
        return weights, total / tf.gather(self.counts, index)

    def means(self) -> Array:
        """Return the means of all rows: float32 [rows, width]."""
        return self.rows.embeddings.numpy()[:, : self.width]


class GaussianMap(keras.layers.Layer):
    """Linear map with normal weights; each group of inputs and column has a prior variance.

    Args:
        sizes: number of inputs in each group.
        width: number of outputs.
        name: name of the layer.
    """

    def __init__(self, sizes: list[int], width: int, name: str) -> None:
        super().__init__(name=name)
        self.sizes, self.width = sizes, width
        inputs = sum(sizes)
        initial = _initial(Part(0, inputs, inputs), width, 0.05, 0)
        self.kernel = self.add_weight(shape=(inputs, 2 * width), initializer=initial, name="kernel")
        self.log_prior = self.add_weight(
            shape=(len(sizes), width), initializer=keras.initializers.Constant(np.log(2 * SPREAD))
        )

    def call(self, inputs: tf.Tensor) -> Normal:
        """Map inputs [n, sum of sizes] to normal variables [n, width]."""
        weights = _split(self.kernel.value)
        return Normal(inputs @ weights.mean, inputs**2 @ weights.variance)

    def divergence(self) -> tf.Tensor:
        """Return the divergence of all weights from their prior: float32 []."""
        log_prior = tf.repeat(self.log_prior.value, self.sizes, axis=0)
        return tf.reduce_sum(divergence(_split(self.kernel.value), log_prior))

    def means(self) -> Array:
        """Return the means of the map: float32 [inputs, width]."""
        return self.kernel.numpy()[:, : self.width]


def _split(weights: tf.Tensor) -> Normal:
    """Split [n, 2 × width] into means and variances."""
    mean, speed = tf.split(weights, 2, 1)
    return Normal(mean, SPREAD * tf.exp(RATE * speed))


def _initial(part: Part, width: int, start: float, zeros: int) -> keras.initializers.Initializer:
    """Initialise means at random, those of the first rows of all to 0, all variances to SPREAD."""
    random = Random(keras.initializers.RandomNormal().seed).normal_rows(part, width).numpy()
    random *= start * (np.arange(part.start, part.end) >= zeros)[:, None]
    return keras.initializers.Constant(np.pad(random, [(0, 0), (0, width)]))
