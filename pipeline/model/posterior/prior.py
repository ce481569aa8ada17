"""Hierarchical prior of the weights of one side, all users or all titles (Macau).

The weights are normal around a linear map of attributes and history, equation (5) of docs/model.md
(Simm et al. 2017). The prior is sampled here given the weights; ``pipeline.model.posterior.gibbs``
samples the weights given the prior and the ratings.
"""

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.model.distributions import Random
from pipeline.model.inputs.attributes import Description
from pipeline.model.posterior.algebra import inner
from pipeline.model.shard import Part
from pipeline.model.workers import Workers

START = 15.0  # initial prior precision of embeddings: low, so that they grow
FREE = 1e-3  # shrinkage of the constant: next to none


class Side:
    """Weights of a worker's users, or of its titles, and the prior of all.

    Args:
        part: its part of the users or titles.
        described: inputs of the prior mean (5) of this part.
        rated: which rows of the part have ratings: bool [n]; only these inform the prior.
        layout: (width of the embedding, width of all weights).
        workers: the workers.

    Attributes:
        n_rated: number of users or titles with ratings, over all workers.
        weights: laid out as ``Layout``: float32 [n, width].
        map, precision, shrink: the prior, the same on all workers: map M of (5) [columns, width],
            precision around the prior mean [width, width], shrinkage of the map in each group of
            columns [groups].
    """

    def __init__(
        self, part: Part, described: Description, rated: Array,
        layout: tuple[int, int], workers: Workers,
    ) -> None:  # fmt: skip
        (columns, groups), (embedding, width) = described, layout
        self.part, self.columns, self.groups = part, tf.constant(columns), groups
        self.rated = tf.constant(rated[:, None].astype(np.float32))
        self.n_rated = int(workers.total(np.array(rated.sum())))
        self.gram = tf.constant(workers.total(inner(columns * self.rated, self.columns).numpy()))
        self.weights = tf.Variable(tf.zeros([part.size, width]))
        self.map = tf.Variable(tf.zeros([columns.shape[1], width]))
        biases, crosses = int(width > embedding), max(width - embedding - 1, 0)
        precision = [START] * embedding + [2.0] * biases + [20.0] * crosses
        self.precision = tf.Variable(tf.linalg.diag(precision))
        self.shrink = tf.Variable([*[1.0] * (len(groups) - 1), FREE])
        self.shared = [self.map, self.precision, self.shrink]

    def expected(self) -> tf.Tensor:
        """(5): return the prior mean of the weights: float32 [n, width]."""
        return tf.matmul(self.columns, self.map)

    def sums(self) -> list[tf.Tensor]:
        """Return all that the weights of this part say of the prior, whose sum over all counts.

        Returns:
            Products of the columns and the weights [columns, width], and of the weights with
            themselves [width, width].
        """
        weights = self.weights * self.rated
        return [inner(self.columns, weights), inner(weights, weights)]

    def draw_prior(self, random: Random, moment: tf.Tensor, squares: tf.Tensor) -> None:
        """Sample map, precision (normal-Wishart) and shrinkage, given the ``sums`` of all parts."""
        sizes = [end - start for start, end in self.groups]
        shrink = tf.repeat(self.shrink, sizes)
        self._draw_map(shrink, moment, random)
        self._draw_precision(shrink, moment, squares, random)
        self._draw_shrinkage(sizes, random)

    def _draw_map(self, shrink: tf.Tensor, moment: tf.Tensor, random: Random) -> None:
        """Sample the map: a ridge regression of the weights, with the shrinkage of each column."""
        root = tf.linalg.cholesky(self.gram + tf.linalg.diag(shrink))
        noise = random.rows(self.precision, self.columns.shape[1])
        mean = tf.linalg.cholesky_solve(root, moment)
        self.map.assign(mean + tf.linalg.triangular_solve(root, noise, adjoint=True))

    def _draw_precision(
        self, shrink: tf.Tensor, moment: tf.Tensor, squares: tf.Tensor, random: Random
    ) -> None:
        """Sample the precision around the prior mean from its Wishart distribution."""
        n_columns, width = self.map.shape
        gram = tf.matmul(self.gram + tf.linalg.diag(shrink), self.map)
        cross = tf.matmul(self.map, moment, transpose_a=True)
        # (W - XM)ᵀ(W - XM) + Mᵀ diag(shrink) M
        scatter = squares - cross - tf.transpose(cross)
        scatter += tf.matmul(self.map, gram, transpose_a=True) + 0.1 * tf.eye(width)
        self.precision.assign(random.wishart(scatter, self.n_rated + width + 1 + n_columns))

    def _draw_shrinkage(self, sizes: list[int], random: Random) -> None:
        """Sample the shrinkage of each group from its gamma distribution; FREE stays."""
        width = self.weights.shape[1]
        squares = tf.reduce_sum(tf.matmul(self.map, self.precision) * self.map, 1)
        sums = tf.stack([tf.reduce_sum(part) for part in tf.split(squares, sizes)])[:-1]
        shape = np.array([n * width + 1.0 for n in sizes[:-1]], np.float32) / 2
        self.shrink.assign(tf.concat([random.gamma(shape, (sums + 1) / 2), [FREE]], 0))
