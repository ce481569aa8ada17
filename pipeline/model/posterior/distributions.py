"""Distributions that the Gibbs sampler draws from."""

import tensorflow as tf


class Random:
    """Random generator of one chain.

    Attributes:
        state: determines all later draws; a checkpoint saves it.
    """

    def __init__(self, seed: int) -> None:
        self._generator = tf.random.Generator.from_seed(seed)
        self.state: tf.Variable = self._generator.state

    def normal(self, shape: tf.Tensor | list[int]) -> tf.Tensor:
        """Draw standard normal numbers: float32, of this shape."""
        return self._generator.normal(shape)

    def uniform(self, shape: list[int]) -> tf.Tensor:
        """Draw uniform numbers in [0, 1): float32, of this shape."""
        return self._generator.uniform(shape)

    def gamma(self, shape: tf.Tensor | float, rate: tf.Tensor) -> tf.Tensor:
        """Draw a gamma variate per entry of ``shape`` and ``rate``: float32."""
        seed, shape = self._generator.make_seeds()[:, 0], tf.cast(shape, tf.float32)
        return tf.random.stateless_gamma(tf.shape(shape), seed, shape, rate)

    def rows(self, precision: tf.Tensor, number: int) -> tf.Tensor:
        """Draw normal vectors with mean 0 and precision matrix [n, n]: float32 [number, n]."""
        root = tf.linalg.cholesky(precision)
        noise = self.normal([precision.shape[0], number])
        return tf.transpose(tf.linalg.triangular_solve(root, noise, adjoint=True))

    def wishart(self, scatter: tf.Tensor, freedom: float) -> tf.Tensor:
        """Draw a Wishart matrix by Bartlett's decomposition (1933): float32 [n, n].

        Args:
            scatter: inverse of the scale matrix [n, n]: the mean is ``freedom`` times its inverse.
            freedom: degrees of freedom.
        """
        width = scatter.shape[0]
        root = tf.linalg.cholesky(tf.linalg.inv(scatter))
        lower = tf.linalg.band_part(self.normal([width, width]), -1, 0)
        degrees = freedom - tf.range(width, dtype=tf.float32)
        lower = tf.linalg.set_diag(lower, tf.sqrt(self.gamma(degrees / 2, 0.5 * tf.ones(width))))
        root = tf.matmul(root, lower)
        return tf.matmul(root, root, transpose_b=True)
