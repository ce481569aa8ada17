"""The mean of the predictions of all draws of the weights: what is kept of the posterior."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.artifact.draws import Draw, Kept
from pipeline.model.posterior.ordered_probit import expected, share


class Draws:
    """Predicts ratings as the mean over draws.

    Args:
        kept: what is kept of the posterior.
        wide: whether users have biases and crosses.
        scale: lowest and highest rating.
    """

    def __init__(self, kept: Kept, wide: bool, scale: tuple[int, int]) -> None:
        self.draws, self.wide, self.scale = kept.draws, wide, scale
        self.attributes = tf.constant(kept.attributes)
        self.described = tf.concat([self.attributes, tf.ones([len(kept.attributes), 1])], 1)

    def predict(self, user: Array, item: Array) -> Array:
        """Predict pairs of table rows, int32 [n]: float32 [n], on the scale."""
        score = self._scorer(user, item)
        return self._mean(lambda draw: self._expected(tf.constant(draw.cuts), *score(draw)))

    def matrix(self, user: Array, item: Array) -> Array:
        """Predict users times titles, rows of their tables: float32 [users, titles]."""

        def scored(cuts: tf.Tensor, sides: list[tf.Tensor]) -> tf.Tensor:
            left, right, noise, offset = sides
            score = tf.matmul(left, right, transpose_b=True) + offset[:, None]
            return self._expected(cuts, score, noise[:, None])

        compiled = tf.function(scored, jit_compile=True)  # no score is written to memory

        def one(draw: Draw) -> tf.Tensor:
            left, noise, offset = self._left(draw, user)
            return compiled(tf.constant(draw.cuts), [left, self._right(draw, item), noise, offset])

        return self._mean(one)

    def log_likelihood(self, user: Array, item: Array, rating: Array) -> Array:
        """Tell how likely the draws hold each rating, a whole number: natural logarithm [n]."""
        grade = tf.constant((rating - self.scale[0]).astype(np.int32))
        halves = np.arange(*self.scale, dtype=np.float32) + 0.5
        score = self._scorer(user, item)

        def one(draw: Draw) -> tf.Tensor:
            return share(*score(draw), draw.cuts if len(draw.cuts) else halves, grade)

        return np.log(np.maximum(self._mean(one), 1e-12))

    def _mean(self, one: Callable[[Draw], tf.Tensor]) -> Array:
        return sum(one(draw) for draw in self.draws).numpy() / np.float32(len(self.draws))

    def _scorer(self, user: Array, item: Array) -> Callable[[Draw], tuple[tf.Tensor, tf.Tensor]]:
        """Return what gives the score and the precision of its noise of each pair in a draw."""
        users, of_user = np.unique(user, return_inverse=True)
        items, of_item = np.unique(item, return_inverse=True)

        def score(draw: Draw) -> tuple[tf.Tensor, tf.Tensor]:
            left, noise, offset = self._left(draw, users)
            product = tf.gather(left, of_user) * tf.gather(self._right(draw, items), of_item)
            total = tf.reduce_sum(product, 1) + tf.gather(offset, of_user)
            return total, tf.gather(noise, of_user)

        return score

    def _left(self, draw: Draw, user: Array) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """What titles are multiplied with, the precision of the noise, and what is added."""
        user = tf.where(user < len(draw.users), user, 0)
        weights = tf.cast(tf.gather(draw.users, user), tf.float32)
        noise, offset = tf.gather(draw.noise, user), tf.fill(tf.shape(user), draw.intercept)
        if self.wide:
            deep, bias, crosses = tf.split(weights, [self._deep(draw), 1, -1], 1)
            weights = tf.concat([deep, tf.ones_like(bias), crosses], 1)
            offset += bias[:, 0]
        return weights, noise, offset

    def _right(self, draw: Draw, item: Array) -> tf.Tensor:
        """Embedding of each title, then its bias and attributes."""
        rated = (item > 0) & (item < len(draw.items))
        trained = tf.cast(tf.gather(draw.items, tf.where(rated, item, 0)), tf.float32)
        by_kind = tf.matmul(tf.gather(self.described, item), draw.map)
        weights = tf.where(rated[:, None], trained, by_kind)
        return tf.concat([weights, tf.gather(self.attributes, item)], 1) if self.wide else weights

    def _deep(self, draw: Draw) -> int:
        return draw.items.shape[1] - self.wide

    def _expected(self, cuts: tf.Tensor, score: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        if not cuts.shape[0]:
            return tf.clip_by_value(score, *self.scale)
        return expected(score, noise, cuts, self.scale[0])
