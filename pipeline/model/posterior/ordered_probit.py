"""Ordered probit: a rating is an ordered grade, the interval between two thresholds.

Latent scores are drawn from truncated normal distributions (Albert & Chib 1993). With many ratings
the posterior of the thresholds is so narrow that one damped Newton step to its mode replaces
sampling. Numbers in parentheses are those of the equations in docs/model.md.
"""

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array, Floats
from pipeline.artifact.formulas import FAR
from pipeline.artifact.scale import Scale
from pipeline.model.distributions import Random
from pipeline.model.shard import Part
from pipeline.model.workers import Workers, total

STEP = 0.7  # damps the Newton steps
ROOM = 0.4  # limits a step to this share of the gap to the next threshold: under .5 keeps the order
FIXED = (0.2, 0.8)  # thresholds nearest to these quantiles stay fixed: they set location and scale
DENSITY = 0.3989423  # standard normal density at 0


class Grades:
    """Grades of the training ratings, and the thresholds between grades.

    Args:
        rating: a worker's ratings in steps, each of which counts as the nearest grade: float32 [n].
        scale: the scale, in steps.
        mean: subtracted from the initial thresholds, because latent scores are centred.
        workers: the workers.

    Attributes:
        cuts: thresholds: a float32 variable [grades - 1].
    """

    def __init__(
        self, rating: Floats, scale: Scale, mean: float, workers: Workers | None = None
    ) -> None:
        grade = scale.grade(rating).astype(np.int32)
        midpoints = scale.midpoints - mean
        counts = np.bincount(grade, minlength=len(midpoints) + 1)
        counts = workers.total(counts) if workers else counts
        below = np.cumsum(counts)[:-1] / counts.sum()
        self._movable = np.ones(len(midpoints), np.float32)
        self._movable[[np.abs(below - quantile).argmin() for quantile in FIXED]] = 0
        self._grade, self.cuts = tf.constant(grade), tf.Variable(midpoints)

    def draw(self, score: tf.Tensor, scale: tf.Tensor, random: Random, rows: Part) -> tf.Tensor:
        """(4): move the thresholds, then draw the noisy latent score of each rating.

        Args:
            score: latent scores (1): float32 [n].
            scale: square root of the noise precision: float32 [n].
            random: generator of the draws.
            rows: the worker's part of the ratings.

        Returns:
            float32 [n].
        """
        self._move_thresholds(score, scale)
        low, high, mirrored = self._bounds(score, scale)
        cdf_low, cdf_high = normal_cdf(low), normal_cdf(high)
        probability = cdf_low + (cdf_high - cdf_low) * random.uniform(rows)
        # Probabilities that round to 0 or 1 would give infinite quantiles.
        quantile = tf.math.ndtri(tf.clip_by_value(probability, 1e-37, 1 - 6e-8))
        quantile = tf.clip_by_value(quantile, low, high)
        return score + tf.where(mirrored, -quantile, quantile) / scale

    def _move_thresholds(self, score: tf.Tensor, scale: tf.Tensor) -> None:
        """Take a damped Newton step towards the mode of the log-likelihood, the sum of log (3)."""
        low, high, mirrored = self._bounds(score, scale)
        probability = tf.maximum(normal_cdf(high) - normal_cdf(low), 1e-12)
        at_low, at_high = (tf.exp(-(x**2) / 2) * DENSITY * scale / probability for x in (low, high))
        below, above = tf.where(mirrored, at_high, at_low), tf.where(mirrored, at_low, at_high)
        count = len(self._movable) + 2  # with the infinite ones, t_0 and t_{K+1}
        sums = tf.stack(
            [
                tf.math.unsorted_segment_sum(above**power, self._grade + 1, count)
                + sign * tf.math.unsorted_segment_sum(below**power, self._grade, count)
                for power, sign in ((1, -1), (2, 1))
            ]
        )
        slope, curvature = tf.unstack(total(sums))
        step = STEP * (slope / (curvature + 1))[1:-1] * self._movable
        limit = tf.concat([[1.0], self.cuts[1:] - self.cuts[:-1], [1.0]], 0) * ROOM
        self.cuts.assign_add(tf.clip_by_value(step, -limit[:-1], limit[1:]))

    def _bounds(self, score: tf.Tensor, scale: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """(4): return α, β and whether they are mirrored, for each rating [n].

        They are mirrored where both thresholds are above the score: float32 resolves probabilities
        near 0, but not near 1.
        """
        cuts = tf.concat([[-FAR], self.cuts, [FAR]], 0)
        low, high = ((tf.gather(cuts, self._grade + i) - score) * scale for i in (0, 1))
        mirrored = low > 0
        return tf.where(mirrored, -high, low), tf.where(mirrored, -low, high), mirrored


def expected(score: tf.Tensor, noise: tf.Tensor, cuts: tf.Tensor | Array, low: float) -> tf.Tensor:
    """(2): return the expected rating, in steps; the noise precision broadcasts to the scores."""
    root = tf.sqrt(noise / 2)
    above = tf.add_n([tf.math.erf((score - cut) * root) for cut in tf.unstack(cuts)])
    return low + (above + cuts.shape[0]) / 2


def normal_cdf(x: tf.Tensor) -> tf.Tensor:
    """Return the standard normal distribution function, accurate in the lower tail."""
    return tf.math.erfc(-x * 0.5**0.5) / 2
