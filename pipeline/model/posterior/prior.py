"""One side of the ratings, all users or all titles: their weights, and how these are distributed.

The weights are normal around what a linear map of attributes and history leads to expect (Simm et
al. 2017, Macau); ``pipeline.model.posterior.gibbs`` draws them from the ratings, the
distribution is drawn from them.
"""

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.model.posterior.algebra import inner
from pipeline.model.posterior.attributes import Description
from pipeline.model.posterior.distributions import Random
from pipeline.model.posterior.padded import Padded

START = 15.0  # precision of embeddings before the first sweep: small, so that they grow
FREE = 1e-3  # prior precision of the constant: none to speak of


class Side:
    """The weights of all users, or of all titles, and what their distribution is.

    Args:
        description: what is known of each beforehand.
        grouped: the ratings of each.
        start: the weights before the first sweep: float32 [rows of its table, width].
        embedding: width of the embeddings, which come first in the weights.
    """

    def __init__(
        self, description: Description, grouped: list[Padded], start: Array, embedding: int
    ) -> None:
        rated = np.zeros((len(start), 1), np.float32)
        for group in grouped:
            rated[group.entity.numpy()] = 1
        self.rated, self.n_trained = tf.constant(rated), int(rated.sum())
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
        """Return the weights that attributes and history lead to expect."""
        return tf.matmul(self.columns, self.map)

    def draw_prior(self, random: Random) -> None:
        """Draw map, precision (normal-Wishart) and shrinkage, given the weights."""
        width = self.weights.shape[1]
        sizes = [end - first for first, end in self.groups]
        shrink = tf.repeat(self.shrink, sizes)
        root = tf.linalg.cholesky(self.gram + tf.linalg.diag(shrink))
        spread = random.rows(self.precision, self.columns.shape[1])
        moment = inner(self.columns, self.weights * self.rated)
        mean = tf.linalg.cholesky_solve(root, moment)
        self.map.assign(mean + tf.linalg.triangular_solve(root, spread, adjoint=True))
        residual = (self.weights - self.expected()) * self.rated
        scatter = inner(residual, residual) + 0.1 * tf.eye(width)
        scatter += inner(self.map * shrink[:, None], self.map)
        self.precision.assign(random.wishart(scatter, self.n_trained + width + 1 + sum(sizes)))
        size = tf.reduce_sum(tf.matmul(self.map, self.precision) * self.map, 1)
        shrinks = [
            random.gamma((n * width + 1.0) / 2, (tf.reduce_sum(size[first:end]) + 1) / 2)
            for n, (first, end) in zip(sizes[:-1], self.groups[:-1], strict=True)
        ]
        self.shrink.assign(tf.stack([*shrinks, FREE]))
