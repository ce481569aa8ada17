"""Ratings as ordered grades: a latent score falls between two thresholds, and these name the grade.

Latent scores are drawn from truncated normal distributions (Albert & Chib 1993). With a hundred
thousand ratings the posterior of the thresholds is so narrow that one damped Newton step to its
mode replaces sampling. Numbers in parentheses are those of the equations in docs/model.md.
"""

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array, Floats
from pipeline.artifact.formulas import FAR
from pipeline.model.posterior.distributions import Random

STEP = 0.7  # share of a Newton step that is taken
ROOM = 0.4  # largest move of a threshold, as a share of the way to its neighbour: keeps their order
FIXED = (0.2, 0.8)  # the thresholds nearest to these quantiles stay: they set location and scale
DENSITY = 0.3989423  # of a standard normal at 0


class Grades:
    """The grades of the training ratings, and the thresholds between grades.

    Args:
        rating: float32 [n].
        scale: lowest and highest rating.
        mean: the rating that a latent score of 0 stands for.
    """

    def __init__(self, rating: Floats, scale: tuple[int, int], mean: float) -> None:
        grade = (rating - scale[0]).astype(np.int32)
        halves = np.arange(*scale, dtype=np.float32) + 0.5 - mean
        share = np.cumsum(np.bincount(grade, minlength=len(halves) + 1))[:-1] / len(grade)
        self._moves = np.ones(len(halves), np.float32)
        self._moves[[np.abs(share - fixed).argmin() for fixed in FIXED]] = 0
        self._grade, self.cuts = tf.constant(grade), tf.Variable(halves)

    def draw(self, score: tf.Tensor, scale: tf.Tensor, random: Random) -> tf.Tensor:
        """Move the thresholds, then draw the latent score of each rating.

        Args:
            score: latent score that the weights give: float32 [n].
            scale: 1 / standard deviation of its noise: float32 [n].
            random: source of the draws.

        Returns:
            float32 [n].
        """
        self._move_thresholds(score, scale)
        low, high, mirrored = self._bounds(score, scale)
        start, end = normal_cdf(low), normal_cdf(high)
        share = start + (end - start) * random.uniform(tf.shape(score))
        drawn = tf.math.ndtri(tf.clip_by_value(share, 1e-37, 1 - 6e-8))
        drawn = tf.clip_by_value(drawn, low, high)
        return score + tf.where(mirrored, -drawn, drawn) / scale

    def _move_thresholds(self, score: tf.Tensor, scale: tf.Tensor) -> None:
        """Take a damped Newton step on the log-likelihood (3) of the grades."""
        low, high, mirrored = self._bounds(score, scale)
        mass = tf.maximum(normal_cdf(high) - normal_cdf(low), 1e-12)
        at_low, at_high = (tf.exp(-(x**2) / 2) * DENSITY * scale / mass for x in (low, high))
        below, above = tf.where(mirrored, at_high, at_low), tf.where(mirrored, at_low, at_high)
        count = len(self._moves) + 2
        slope, curvature = (
            tf.math.unsorted_segment_sum(above**power, self._grade + 1, count)
            + sign * tf.math.unsorted_segment_sum(below**power, self._grade, count)
            for power, sign in ((1, -1), (2, 1))
        )
        step = STEP * (slope / (curvature + 1))[1:-1] * self._moves
        room = tf.concat([[1.0], self.cuts[1:] - self.cuts[:-1], [1.0]], 0) * ROOM
        self.cuts.assign_add(tf.clip_by_value(step, -room[:-1], room[1:]))

    def _bounds(self, score: tf.Tensor, scale: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the thresholds around each rating, in standard deviations from its score.

        They are mirrored where both are above the score: float32 keeps the digits of small
        probabilities, not of those near 1.
        """
        cuts = tf.concat([[-FAR], self.cuts, [FAR]], 0)
        low, high = ((tf.gather(cuts, self._grade + i) - score) * scale for i in (0, 1))
        mirrored = low > 0
        return tf.where(mirrored, -high, low), tf.where(mirrored, -low, high), mirrored


def expected(score: tf.Tensor, noise: tf.Tensor, cuts: tf.Tensor | Array, lowest: int) -> tf.Tensor:
    """(2): return the mean grade of scores; the noise precision broadcasts to their shape."""
    root = tf.sqrt(noise / 2)
    above = tf.add_n([tf.math.erf((score - cut) * root) for cut in tf.unstack(cuts)])
    return lowest + (above + cuts.shape[0]) / 2


def normal_cdf(x: tf.Tensor) -> tf.Tensor:
    """Return the standard normal distribution function; precise in the lower tail."""
    return tf.math.erfc(-x * 0.5**0.5) / 2
