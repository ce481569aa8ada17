"""Distributions that training draws from."""

import tensorflow as tf

from pipeline.model.shard import Part

ALGORITHM = 1  # Philox (Salmon et al. 2011): a number depends on its position alone
AT_ONCE = 4  # numbers that Philox makes at a position
RESERVED = 256  # positions that TensorFlow reserves for each gamma variate


class Random:
    """Random generator that is the same on all workers.

    What a worker draws for its part of the rows are the numbers of these rows, whatever the parts.

    Attributes:
        state: determines all later draws; a checkpoint saves it.
    """

    def __init__(self, seed: int) -> None:
        self._generator = tf.random.Generator.from_seed(seed)
        self.state: tf.Variable = self._generator.state

    def normal(self, shape: tf.Tensor | list[int]) -> tf.Tensor:
        """Draw standard normal numbers: float32, of this shape."""
        return self._generator.normal(shape)

    def normal_rows(self, part: Part, width: int) -> tf.Tensor:
        """Draw ``width`` standard normal numbers for each row of a part: float32 [n, width]."""
        numbers = self._part(tf.raw_ops.StatelessRandomNormalV2, part, width)
        return tf.reshape(numbers, [part.size, width])

    def uniform(self, part: Part) -> tf.Tensor:
        """Draw a uniform number in [0, 1) for each row of a part: float32 [n]."""
        return self._part(tf.raw_ops.StatelessRandomUniformV2, part, 1)

    def gamma(self, shape: tf.Tensor | float, rate: tf.Tensor) -> tf.Tensor:
        """Draw a gamma variate per entry of ``shape`` and ``rate``: float32."""
        seed, shape = self._generator.make_seeds()[:, 0], tf.cast(shape, tf.float32)
        return tf.random.stateless_gamma(tf.shape(shape), seed, shape, rate)

    def gamma_rows(self, part: Part, shape: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        """Draw a gamma variate for each row of a part; shape and rate are its own: float32 [n]."""
        key, counter = self._skip(part.total * RESERVED)
        start = tf.constant([part.start * RESERVED, 0], tf.uint64)
        return tf.raw_ops.StatelessRandomGammaV3(
            shape=[part.size], key=key, counter=counter + start, alg=ALGORITHM, alpha=shape
        ) / rate  # fmt: skip

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

    def _part(self, draw: type, part: Part, width: int) -> tf.Tensor:
        """Draw ``width`` numbers for each row of a part: float32 [n * width]."""
        key, counter = self._skip(part.total * width)
        first, before = divmod(part.start * width, AT_ONCE)
        counter += tf.constant([first, 0], tf.uint64)
        number = part.size * width + before
        return draw(shape=[number], key=key, counter=counter, alg=ALGORITHM)[before:]

    def _skip(self, positions: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return key and counter of the generator, and move it on: uint64 [1] and [2]."""
        state = tf.bitcast(self._generator.skip(positions), tf.uint64)
        return state[2:], state[:2]


def normal_draw(precision: tf.Tensor, moment: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Draw normal vectors with mean ``precision``⁻¹ ``moment``, one per row: float32 [b, width].

    Args:
        precision: float32 [b, width, width].
        moment: float32 [b, width].
        noise: standard normal numbers: float32 [b, width].
    """
    root = tf.linalg.cholesky(precision)
    half = tf.linalg.triangular_solve(root, moment[..., None]) + noise[..., None]
    return tf.linalg.triangular_solve(root, half, adjoint=True)[..., 0]
