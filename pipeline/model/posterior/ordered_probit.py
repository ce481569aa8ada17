"""Ratings as ordered grades: which of them is given depends on a latent score and on thresholds.

The scores between the thresholds are drawn as by Albert & Chib (1993). The thresholds are so well
known, given a hundred thousand ratings, that a Newton step to their most likely places does.
"""

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.model.posterior.distributions import Random

FAR = 1e4  # beyond any threshold
STEP = 0.7  # of a Newton step
ROOM = 0.4  # of the way to its neighbour a threshold may go, so that their order stays
KEPT = (0.2, 0.8)  # the thresholds nearest to these quantiles stay: they are place and scale


class Grades:
    """The grades of the training ratings, and their thresholds.

    Args:
        rating: float32 [n].
        scale: lowest and highest rating.
        mean: what a score of 0 stands for.
    """

    def __init__(self, rating: Array, scale: tuple[int, int], mean: float) -> None:
        grade = (rating - scale[0]).astype(np.int32)
        halves = np.arange(*scale, dtype=np.float32) + 0.5 - mean
        share = np.cumsum(np.bincount(grade, minlength=len(halves) + 1))[:-1] / len(grade)
        self._moves = np.ones(len(halves), np.float32)
        self._moves[[np.abs(share - kept).argmin() for kept in KEPT]] = 0
        self._grade, self.cuts = tf.constant(grade), tf.Variable(halves)

    def draw(self, score: tf.Tensor, scale: tf.Tensor, random: Random) -> tf.Tensor:
        """Move the thresholds, then draw the latent score of each rating.

        Args:
            score: what the weights say: float32 [n].
            scale: one over the deviation of the noise: float32 [n].
            random: of the draws.

        Returns:
            float32 [n].
        """
        low, high, flip = self._bounds(score, scale)
        mass = tf.maximum(normal_cdf(high) - normal_cdf(low), 1e-12)
        at_low, at_high = (tf.exp(-(x**2) / 2) * 0.3989423 * scale / mass for x in (low, high))
        below, above = tf.where(flip, at_high, at_low), tf.where(flip, at_low, at_high)
        count = len(self._moves) + 2
        slope, bend = (
            tf.math.unsorted_segment_sum(above**power, self._grade + 1, count)
            + sign * tf.math.unsorted_segment_sum(below**power, self._grade, count)
            for power, sign in ((1, -1), (2, 1))
        )
        step = STEP * (slope / (bend + 1))[1:-1] * self._moves
        room = tf.concat([[1.0], self.cuts[1:] - self.cuts[:-1], [1.0]], 0) * ROOM
        self.cuts.assign_add(tf.clip_by_value(step, -room[:-1], room[1:]))

        low, high, flip = self._bounds(score, scale)
        start, end = normal_cdf(low), normal_cdf(high)
        share = start + (end - start) * random.uniform(tf.shape(score))
        drawn = tf.math.ndtri(tf.clip_by_value(share, 1e-37, 1 - 6e-8))
        drawn = tf.clip_by_value(drawn, low, high)
        return score + tf.where(flip, -drawn, drawn) / scale

    def _bounds(self, score: tf.Tensor, scale: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Thresholds around each rating, in deviations; mirrored where both are above it."""
        cuts = tf.concat([[-FAR], self.cuts, [FAR]], 0)
        low, high = ((tf.gather(cuts, self._grade + i) - score) * scale for i in (0, 1))
        flip = low > 0  # float32 tells small shares apart, not those near 1
        return tf.where(flip, -high, low), tf.where(flip, -low, high), flip


def expected(score: tf.Tensor, noise: tf.Tensor, cuts: tf.Tensor | Array, lowest: int) -> tf.Tensor:
    """Return the mean grade of scores whose noise has this precision, which broadcasts to them."""
    root = tf.sqrt(noise / 2)
    above = tf.add_n([tf.math.erf((score - cut) * root) for cut in tf.unstack(cuts)])
    return lowest + (above + cuts.shape[0]) / 2


def share(
    score: tf.Tensor, noise: tf.Tensor, cuts: tf.Tensor | Array, grade: tf.Tensor
) -> tf.Tensor:
    """Return how likely each score is to be given its ``grade``, int32 from 0: float32 [n]."""
    ends = tf.concat([[-FAR], cuts, [FAR]], 0)
    low, high = ((tf.gather(ends, grade + i) - score) * tf.sqrt(noise) for i in (0, 1))
    flip = low > 0  # float32 tells small shares apart, not those near 1
    return tf.where(flip, normal_cdf(-low) - normal_cdf(-high), normal_cdf(high) - normal_cdf(low))


def normal_cdf(x: tf.Tensor) -> tf.Tensor:
    """Return the share of a standard normal distribution below ``x``; precise for low ``x``."""
    return tf.math.erfc(-x * 0.5**0.5) / 2
