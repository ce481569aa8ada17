"""Gibbs sampling of wide and deep weights together, in TensorFlow: one chain.

A rating is ``w0 + b_u + b_i + c_u · a_i + p_u · q_i`` and noise. Wide: the biases, and the weights
``c_u`` of the crosses of a user with the attributes ``a_i`` of titles. Deep: the embeddings ``p_u``
and ``q_i``. All weights of a user are drawn in one step from their joint posterior given the
titles', and the other way round (Salakhutdinov & Mnih 2008, Bayesian probabilistic matrix
factorisation). Before any rating, they are expected where a linear map of attributes and history
puts them (Simm et al. 2017, Macau), so a user or title with few ratings is what its kind is.

The noise is learned for each user: people differ in how consistent they are. Ratings may also be
ordered grades (see ``pipeline.model.posterior.ordered_probit``).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.artifact.folder import CONSISTENCY
from pipeline.model.posterior.attributes import Description
from pipeline.model.posterior.blocks import KINDS, Block
from pipeline.model.posterior.distributions import Random
from pipeline.model.posterior.ordered_probit import Grades, expected
from pipeline.model.posterior.prior import Side

ABREAST = 4  # blocks that are worked on at the same time: more only take memory
SHAPES = ([None], [None, None], [None, None], [None, None])
BLOCK = Block(*map(tf.TensorSpec, SHAPES, KINDS))  # of any size: the drawing is traced just once
CALLED = {"_noinline": True}  # nor copied into the graph as often


class Ratings(NamedTuple):
    """What a chain is conditioned on.

    Attributes:
        user: int32 [n].
        rating: float32 [n].
        by_user, by_item: the same, grouped.
        users, items: what is known of either side.
        crossed: columns of ``items`` that users have weights for: float32 [titles, n].
        labels: attribute, and index of its value, of each column of ``crossed``.
        basis: what a title adds to the history of who rates it: float32 [titles, n].
    """

    user: Array
    rating: Array
    by_user: list[Block]
    by_item: list[Block]
    users: Description
    items: Description
    crossed: Array
    labels: list[tuple[str, int]]
    basis: Array


class Chain:
    """One chain; ``sweep`` draws all weights anew, ``predict`` rates pairs with the present ones.

    Args:
        data: the training ratings and what is known beforehand.
        scale: lowest and highest rating.
        deep: width of the embeddings; 0 for none.
        wide: whether there are biases and crosses.
        grades: whether ratings are ordered grades, not numbers.
        common: whether all users have the same noise.
        seed: of the random numbers.
    """

    def __init__(
        self, data: Ratings, scale: tuple[int, int], deep: int, wide: bool, grades: bool,
        common: bool, seed: int,
    ) -> None:  # fmt: skip
        self.scale, self.deep, self.wide = scale, deep, wide
        self.common, self.n = common, len(data.rating)
        self.random, start = Random(seed), np.random.default_rng(seed)
        sizes = len(data.users.columns), len(data.items.columns)
        widths = (deep + wide * (1 + data.crossed.shape[1]), deep + wide)
        first = [np.zeros((s, w), np.float32) for s, w in zip(sizes, widths, strict=True)]
        for table in first:
            table[:, :deep] = start.normal(0, 0.1, (len(table), deep))
        self.users = Side(data.users, data.by_user, first[0], deep)
        self.items = Side(data.items, data.by_item, first[1], deep)
        self.crossed = tf.constant(data.crossed)
        self.user = tf.constant(data.user)
        self.mean, variance = float(data.rating.mean()), float(data.rating.var()) or 1.0
        self.latent = tf.Variable(np.append(data.rating - self.mean, 0).astype(np.float32))
        self.fitted = tf.Variable(tf.zeros(self.n + 1))
        self.intercept = tf.Variable(0.0)
        self.noise = tf.Variable(tf.fill([sizes[0]], 2 / variance))  # a precision
        self.usual = tf.Variable(variance / 2)
        self.grades = Grades(data.rating, scale, self.mean) if grades else None
        self.variables = [
            *self.users.variables, *self.items.variables, self.latent, self.fitted,
            self.intercept, self.noise, self.usual, self.random.state,
            *([self.grades.cuts] if self.grades else []),
        ]  # fmt: skip

    def sweep(self) -> tf.Tensor:
        """Draw everything once; return the mean squared residual of the latent scores."""
        if self.grades:
            scale = tf.sqrt(tf.gather(self.noise, self.user))
            latent = self.grades.draw(self.fitted[: self.n], scale, self.random)
            self.latent.assign(tf.concat([latent, [0.0]], 0))
        self._draw_weights(self.users, self._item_design(), self._item_side(), own_noise=True)
        self._draw_weights(self.items, self._user_design(), self._user_side(), own_noise=False)
        residual = (self.latent - self.fitted)[: self.n]
        precision = tf.gather(self.noise, self.user)
        total = tf.reduce_sum(precision)
        drawn = self.random.normal([]) / tf.sqrt(total)
        self.intercept.assign_add(tf.reduce_sum(residual * precision) / total + drawn)
        self._draw_noise(residual**2)
        return tf.reduce_mean(residual**2)

    def predict(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """Rate pairs with the weights of this sweep: float32 [n], on the scale."""
        design = tf.gather(self._item_design(), item)
        score = tf.reduce_sum(tf.gather(self.users.weights, user) * design, 1) + self.intercept
        score += tf.gather(self._item_bias(), item)
        if self.grades:
            noise = tf.gather(self.noise, user)
            return expected(score, noise, self.grades.cuts, self.scale[0])
        return tf.clip_by_value(score + self.mean, *self.scale)

    def _item_bias(self) -> tf.Tensor:
        bias = self.items.weights[:, self.deep :]
        return bias[:, 0] if self.wide else tf.zeros(len(self.crossed))

    def _item_design(self) -> tf.Tensor:
        """What a user's weights are multiplied with, for each title."""
        deep = self.items.weights[:, : self.deep]
        ones = tf.ones([len(self.crossed), 1])
        return tf.concat([deep, ones, self.crossed], 1) if self.wide else deep

    def _user_design(self) -> tf.Tensor:
        deep = self.users.weights[:, : self.deep]
        return tf.concat([deep, tf.ones([deep.shape[0], 1])], 1) if self.wide else deep

    def _item_side(self) -> Callable[[Block], tf.Tensor]:
        """What of a rating's score is not the user's weights to explain."""
        bias = self._item_bias()
        return lambda block: tf.gather(bias, block.other) + self.intercept

    def _user_side(self) -> Callable[[Block], tf.Tensor]:
        if not self.wide:
            return lambda block: tf.zeros_like(block.there) + self.intercept
        bias, cross = self.users.weights[:, self.deep], self.users.weights[:, self.deep + 1 :]

        def rest(block: Block) -> tf.Tensor:
            mine = tf.gather(self.crossed, block.entity)[..., None]
            crossed = tf.matmul(tf.gather(cross, block.other), mine)[..., 0]
            return tf.gather(bias, block.other) + crossed + self.intercept

        return rest

    def _draw_weights(
        self, side: Side, design: tf.Tensor, rest: Callable[[Block], tf.Tensor], own_noise: bool
    ) -> None:
        """Draw the weights of every entity of a side from their joint normal distribution."""
        expected = side.expected()
        pull = tf.matmul(expected, side.precision)
        normal = self.random.normal(side.weights.shape)

        def one(block: Block) -> tuple[tf.Tensor, tf.Tensor]:
            known = tf.gather(design, block.other)
            offset = rest(block)
            target = tf.gather(self.latent, block.place) - offset
            noise = tf.gather(self.noise, block.entity[:, None] if own_noise else block.other)
            weighted = known * (noise * block.there)[..., None]
            precision = tf.matmul(weighted, known, transpose_a=True) + side.precision
            evidence = tf.matmul(weighted, target[..., None], transpose_a=True)
            root = tf.linalg.cholesky(precision)
            evidence += tf.gather(pull, block.entity)[..., None]
            half = tf.linalg.triangular_solve(root, evidence)
            half += tf.gather(normal, block.entity)[..., None]
            weights = tf.linalg.triangular_solve(root, half, adjoint=True)
            fitted = tf.matmul(known, weights)[..., 0] + offset
            return weights[..., 0], tf.reshape(fitted, [-1])

        draw = tf.function(one, [BLOCK], autograph=False, experimental_attributes=CALLED)
        entities, drawn, places, fitted = [], [], [], list[tf.Tensor]()
        for block in side.blocks:
            with tf.control_dependencies(fitted[-ABREAST : 1 - ABREAST]):
                weights, scores = draw(block)
            entities.append(block.entity)
            drawn.append(weights)
            places.append(tf.reshape(block.place, [-1]))
            fitted.append(scores)
        side.weights.assign(expected)  # of those without ratings there is no more to know
        side.weights.scatter_nd_update(tf.concat(entities, 0)[:, None], tf.concat(drawn, 0))
        self.fitted.scatter_nd_update(tf.concat(places, 0)[:, None], tf.concat(fitted, 0))
        side.draw_distribution(self.random)

    def _draw_noise(self, squared: tf.Tensor) -> None:
        if self.common:
            drawn = self.random.gamma(self.n / 2, tf.reduce_sum(squared) / 2)
            self.noise.assign(tf.fill(self.noise.shape, drawn))
            return
        users = self.noise.shape[0]
        counts = tf.math.bincount(self.user, minlength=users, dtype=tf.float32)
        sums = tf.math.unsorted_segment_sum(squared, self.user, users)
        rate = (sums + CONSISTENCY * self.usual) / 2
        self.noise.assign(self.random.gamma((counts + CONSISTENCY) / 2, rate))
        rate = tf.reduce_sum(self.noise) * CONSISTENCY / 2
        self.usual.assign(self.random.gamma(users * CONSISTENCY / 2 + 1, rate))
