"""Hierarchical prior of the weights of one side, all users or all titles (Macau).

The weights are normal around a linear map of attributes and history, equation (5) of docs/model.md
(Simm et al. 2017). The prior is sampled here given the weights; ``pipeline.model.posterior.gibbs``
samples the weights given the prior and the ratings.
"""

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.model.inputs.attributes import Description
from pipeline.model.posterior.algebra import inner
from pipeline.model.posterior.distributions import Random
from pipeline.model.posterior.padded import Padded

START = 15.0  # initial prior precision of embeddings: low, so that they grow
FREE = 1e-3  # shrinkage of the constant: next to none


class Side:
    """Weights of all users, or of all titles, and their prior.

    Args:
        description: inputs of the prior mean (5).
        grouped: the ratings, grouped by user or by title.
        start: initial weights, laid out as ``Layout``: float32 [users or titles, width].
        embedding: width of the embeddings.

    Attributes:
        n_trained: number of users or titles with ratings; only these inform the prior.
        weights: float32 [users or titles, width].
        map, precision, shrink: the prior: map M of (5) [columns, width], precision around the
            prior mean [width, width], shrinkage of the map in each group of columns [groups].
    """

    def __init__(
        self, description: Description, grouped: list[Padded], start: Array, embedding: int
    ) -> None:
        mask = np.zeros((len(start), 1), np.float32)
        for group in grouped:
            mask[group.entity.numpy()] = 1
        self.rated, self.n_trained = tf.constant(mask), int(mask.sum())
        self.columns, self.groups = tf.constant(description.columns), description.groups
        self.grouped, width = grouped, start.shape[1]
        self.gram = inner(self.columns * self.rated, self.columns)
        self.weights = tf.Variable(start)
        self.map = tf.Variable(tf.zeros([self.columns.shape[1], width]))
        biases, crosses = int(width > embedding), max(width - embedding - 1, 0)
        precision = [START] * embedding + [2.0] * biases + [20.0] * crosses
        self.precision = tf.Variable(tf.linalg.diag(precision))
        self.shrink = tf.Variable([*[1.0] * (len(self.groups) - 1), FREE])
        self.variables = [self.weights, self.map, self.precision, self.shrink]

    def expected(self) -> tf.Tensor:
        """(5): return the prior mean of all weights: float32 [users or titles, width]."""
        return tf.matmul(self.columns, self.map)

    def draw_prior(self, random: Random) -> None:
        """Sample map, precision (normal-Wishart) and shrinkage, given the weights."""
        sizes = [end - start for start, end in self.groups]
        shrink = tf.repeat(self.shrink, sizes)
        self._draw_map(shrink, random)
        self._draw_precision(shrink, random)
        self._draw_shrinkage(sizes, random)

    def _draw_map(self, shrink: tf.Tensor, random: Random) -> None:
        """Sample the map: a ridge regression of the weights, with the shrinkage of each column."""
        root = tf.linalg.cholesky(self.gram + tf.linalg.diag(shrink))
        noise = random.rows(self.precision, self.columns.shape[1])
        moment = inner(self.columns, self.weights * self.rated)
        mean = tf.linalg.cholesky_solve(root, moment)
        self.map.assign(mean + tf.linalg.triangular_solve(root, noise, adjoint=True))

    def _draw_precision(self, shrink: tf.Tensor, random: Random) -> None:
        """Sample the precision around the prior mean from its Wishart distribution."""
        n_columns, width = self.map.shape
        residual = (self.weights - self.expected()) * self.rated
        scatter = inner(residual, residual) + 0.1 * tf.eye(width)
        scatter += inner(self.map * shrink[:, None], self.map)
        self.precision.assign(random.wishart(scatter, self.n_trained + width + 1 + n_columns))

    def _draw_shrinkage(self, sizes: list[int], random: Random) -> None:
        """Sample the shrinkage of each group from its gamma distribution; FREE stays."""
        width = self.weights.shape[1]
        squares = tf.reduce_sum(tf.matmul(self.map, self.precision) * self.map, 1)
        shrinks = [
            random.gamma((n * width + 1.0) / 2, (tf.reduce_sum(squares[start:end]) + 1) / 2)
            for n, (start, end) in zip(sizes[:-1], self.groups[:-1], strict=True)
        ]
        self.shrink.assign(tf.stack([*shrinks, FREE]))
