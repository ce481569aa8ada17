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
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array, Ints
from pipeline.artifact.formulas import NOISE_PSEUDO_COUNT, Layout
from pipeline.model.posterior.attributes import Description
from pipeline.model.posterior.distributions import Random
from pipeline.model.posterior.ordered_probit import Grades, expected
from pipeline.model.posterior.padded import DTYPES, Padded
from pipeline.model.posterior.prior import Side

ABREAST = 4  # groups that are worked on at the same time: more only take memory
SHAPES = ([None], [None, None], [None, None], [None, None])
GROUP = Padded(*map(tf.TensorSpec, SHAPES, DTYPES))  # of any size: drawing is traced once
CALLED = {"_noinline": True}  # nor copied into the graph as often


class Ratings(NamedTuple):
    """What a chain is conditioned on.

    Attributes:
        user: int32 [n].
        rating: float32 [n].
        by_user, by_item: the same, grouped.
        users, items: what is known of either side.
        attributes: of the titles: float32 [titles, m].
        labels: attribute, and index of its value, of each column of these.
        crossed: the columns of these that users have weights for: int64 [n].
        basis: see ``pipeline.artifact.draws.Kept``: float32 [titles, components].
    """

    user: Array
    rating: Array
    by_user: list[Padded]
    by_item: list[Padded]
    users: Description
    items: Description
    attributes: Array
    labels: list[tuple[str, int]]
    crossed: Ints
    basis: Array


class Chain:
    """One chain; ``sweep`` draws all weights anew, ``predict`` rates pairs with the present ones.

    Args:
        data: the training ratings and what is known beforehand.
        scale: lowest and highest rating.
        embedding: width of the embeddings; 0 for none.
        wide: whether there are biases and crosses.
        grades: whether ratings are ordered grades, not numbers.
        common: whether all users have the same noise.
        seed: of the random numbers.
    """

    def __init__(
        self, data: Ratings, scale: tuple[int, int], embedding: int, wide: bool, grades: bool,
        common: bool, seed: int,
    ) -> None:  # fmt: skip
        self.scale, self.layout = scale, Layout(embedding, wide)
        self.common, self.n = common, len(data.rating)
        self.random, start = Random(seed), np.random.default_rng(seed)
        sizes = len(data.users.columns), len(data.items.columns)
        widths = (embedding + wide * (1 + len(data.crossed)), embedding + wide)
        first = [np.zeros((s, w), np.float32) for s, w in zip(sizes, widths, strict=True)]
        for table in first:
            table[:, :embedding] = start.normal(0, 0.1, (len(table), embedding))
        self.users = Side(data.users, data.by_user, first[0], embedding)
        self.items = Side(data.items, data.by_item, first[1], embedding)
        self.crossed = tf.constant(data.attributes[:, data.crossed])
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
        self._draw_weights(self.users, self._item_design(), self._user_offset(), own_noise=True)
        self._draw_weights(self.items, self._user_design(), self._item_offset(), own_noise=False)
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
        _, bias, _ = self.layout.split(self.items.weights)
        return bias if self.layout.wide else tf.zeros(len(self.crossed))

    def _item_design(self) -> tf.Tensor:
        """What a user's weights are multiplied with, for each title."""
        embedding, _, _ = self.layout.split(self.items.weights)
        ones = tf.ones([len(self.crossed), 1])
        return tf.concat([embedding, ones, self.crossed], 1) if self.layout.wide else embedding

    def _user_design(self) -> tf.Tensor:
        """What a title's weights are multiplied with, for each user."""
        embedding, _, _ = self.layout.split(self.users.weights)
        ones = tf.ones([embedding.shape[0], 1])
        return tf.concat([embedding, ones], 1) if self.layout.wide else embedding

    def _user_offset(self) -> Callable[[Padded], tf.Tensor]:
        """Return the part of (1) that a user's weights have no share in, for a group of users."""
        bias = self._item_bias()
        return lambda group: tf.gather(bias, group.other) + self.intercept

    def _item_offset(self) -> Callable[[Padded], tf.Tensor]:
        """Return the part of (1) that a title's weights have no share in, for a group of titles."""
        if not self.layout.wide:
            return lambda group: tf.zeros_like(group.present) + self.intercept
        _, bias, crosses = self.layout.split(self.users.weights)

        def offset(group: Padded) -> tf.Tensor:
            attributes = tf.gather(self.crossed, group.entity)[..., None]
            crossed = tf.matmul(tf.gather(crosses, group.other), attributes)[..., 0]
            return tf.gather(bias, group.other) + crossed + self.intercept

        return offset

    def _draw_weights(
        self, side: Side, design: tf.Tensor, offset: Callable[[Padded], tf.Tensor], own_noise: bool
    ) -> None:
        """Draw the weights of every entity of a side from their joint normal distribution.

        Args:
            side: users, or titles.
            design: what the weights are multiplied with, for each entity of the other side.
            offset: the part of the scores of a group that the weights have no share in.
            own_noise: whether the noise of a rating is that of ``side``, not of the other.
        """
        mean = side.expected()
        pull = tf.matmul(mean, side.precision)
        normal = self.random.normal(side.weights.shape)

        def posterior(group: Padded) -> tuple[tf.Tensor, tf.Tensor]:
            known, rest = tf.gather(design, group.other), offset(group)
            target = tf.gather(self.latent, group.index) - rest
            noise = tf.gather(self.noise, group.entity[:, None] if own_noise else group.other)
            weighted = known * (noise * group.present)[..., None]
            precision = tf.matmul(weighted, known, transpose_a=True) + side.precision
            evidence = tf.matmul(weighted, target[..., None], transpose_a=True)
            root = tf.linalg.cholesky(precision)
            evidence += tf.gather(pull, group.entity)[..., None]
            half = tf.linalg.triangular_solve(root, evidence)
            half += tf.gather(normal, group.entity)[..., None]
            weights = tf.linalg.triangular_solve(root, half, adjoint=True)
            fitted = tf.matmul(known, weights)[..., 0] + rest
            return weights[..., 0], tf.reshape(fitted, [-1])

        self._draw_groups(side, mean, tf.function(
            posterior, [GROUP], autograph=False, experimental_attributes=CALLED
        ))  # fmt: skip
        side.draw_prior(self.random)

    def _draw_groups(self, side: Side, mean: tf.Tensor, draw: Callable[..., Any]) -> None:
        """Draw group by group, a few at a time; then store weights and fitted scores."""
        entities, drawn, indices, fitted = [], [], [], list[tf.Tensor]()
        for group in side.grouped:
            with tf.control_dependencies(fitted[-ABREAST : 1 - ABREAST]):
                weights, scores = draw(group)
            entities.append(group.entity)
            drawn.append(weights)
            indices.append(tf.reshape(group.index, [-1]))
            fitted.append(scores)
        side.weights.assign(mean)  # of those without ratings the prior mean is all that is known
        side.weights.scatter_nd_update(tf.concat(entities, 0)[:, None], tf.concat(drawn, 0))
        self.fitted.scatter_nd_update(tf.concat(indices, 0)[:, None], tf.concat(fitted, 0))

    def _draw_noise(self, squared: tf.Tensor) -> None:
        if self.common:
            drawn = self.random.gamma(self.n / 2, tf.reduce_sum(squared) / 2)
            self.noise.assign(tf.fill(self.noise.shape, drawn))
            return
        users = self.noise.shape[0]
        counts = tf.math.bincount(self.user, minlength=users, dtype=tf.float32)
        sums = tf.math.unsorted_segment_sum(squared, self.user, users)
        rate = (sums + NOISE_PSEUDO_COUNT * self.usual) / 2
        self.noise.assign(self.random.gamma((counts + NOISE_PSEUDO_COUNT) / 2, rate))
        rate = tf.reduce_sum(self.noise) * NOISE_PSEUDO_COUNT / 2
        self.usual.assign(self.random.gamma(users * NOISE_PSEUDO_COUNT / 2 + 1, rate))
