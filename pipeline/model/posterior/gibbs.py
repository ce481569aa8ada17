"""One chain: Gibbs sampling of the wide and deep weights together, in TensorFlow.

A rating is the latent score ``w0 + b_u + b_i + c_u · a_i + p_u · q_i`` (1) plus normal noise, or
the ordered grade of this sum (``pipeline.model.posterior.ordered_probit``). All weights of a user
are drawn from their joint normal posterior given those of the titles, and vice versa (Bayesian
probabilistic matrix factorisation, Salakhutdinov & Mnih 2008). The prior mean (5) is a linear map
of attributes and history (``pipeline.model.posterior.prior``). Each user has a noise precision (9).

Numbers in parentheses are those of the equations in docs/model.md.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array, Ints
from pipeline.artifact.formulas import NOISE_PSEUDO_COUNT, Layout
from pipeline.artifact.scale import Scale
from pipeline.model.inputs.attributes import Description
from pipeline.model.posterior.distributions import Random
from pipeline.model.posterior.ordered_probit import Grades, expected
from pipeline.model.posterior.padded import DTYPES, Padded
from pipeline.model.posterior.prior import Side

ABREAST = 4  # groups drawn in parallel: more would only take memory
SHAPES = ([None], [None, None], [None, None], [None, None])
GROUP = Padded(*map(tf.TensorSpec, SHAPES, DTYPES))  # any size: one trace serves all groups
CALLED = {"_noinline": True}  # keeps one copy in the graph, not one per group


class Ratings(NamedTuple):
    """Training data of a chain.

    Attributes:
        user: int32 [n].
        rating: in steps of the scale: float32 [n].
        by_user, by_item: the ratings grouped by user, and by title.
        users, items: inputs of the prior mean.
        attributes, labels, crossed, basis: see ``pipeline.artifact.draws.Kept``.
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
    """One chain: ``sweep`` draws all weights anew, ``predict`` uses the current ones.

    Args:
        data: the training data.
        scale: the scale, in steps.
        embedding: width of the embeddings; 0 without a deep part.
        wide: whether there are biases and crosses.
        grades: whether ratings are ordered grades; otherwise numbers.
        common: whether all users share one noise precision.
        seed: random seed.

    Attributes:
        mean: mean rating; latent scores and thresholds are relative to it.
        latent: noisy latent score of each rating; a number is its own: float32 [n + 1]. The last
            entry is for padding, here and in ``fitted``.
        fitted: latent scores (1) of the current weights: float32 [n + 1].
        noise: noise precision of each user: float32 [users].
        usual: usual variance σ² of (9): float32 [].
        variables: the state of the chain, for a checkpoint.
    """

    def __init__(
        self, data: Ratings, scale: Scale, embedding: int, wide: bool, grades: bool,
        common: bool, seed: int,
    ) -> None:  # fmt: skip
        self.scale, self.layout = scale, Layout(embedding, wide)
        self.common, self.n = common, len(data.rating)
        self.random, initial = Random(seed), np.random.default_rng(seed)
        sizes = len(data.users.columns), len(data.items.columns)
        widths = (embedding + wide * (1 + len(data.crossed)), embedding + wide)
        start = [np.zeros((s, w), np.float32) for s, w in zip(sizes, widths, strict=True)]
        for weights in start:
            weights[:, :embedding] = initial.normal(0, 0.1, (len(weights), embedding))
        self.users = Side(data.users, data.by_user, start[0], embedding)
        self.items = Side(data.items, data.by_item, start[1], embedding)
        self.crossed = tf.constant(data.attributes[:, data.crossed])
        self.user = tf.constant(data.user)
        self.mean, variance = float(data.rating.mean()), float(data.rating.var()) or 1.0
        self.latent = tf.Variable(np.append(data.rating - self.mean, 0).astype(np.float32))
        self.fitted = tf.Variable(tf.zeros(self.n + 1))
        self.intercept = tf.Variable(0.0)
        self.noise = tf.Variable(tf.fill([sizes[0]], 2 / variance))
        self.usual = tf.Variable(variance / 2)
        self.grades = Grades(data.rating, scale, self.mean) if grades else None
        self.variables = [
            *self.users.variables, *self.items.variables, self.latent, self.fitted,
            self.intercept, self.noise, self.usual, self.random.state,
            *([self.grades.cuts] if self.grades else []),
        ]  # fmt: skip

    def sweep(self) -> tf.Tensor:
        """Draw all variables once; return the mean squared residual of the latent scores."""
        if self.grades:
            scale = tf.sqrt(tf.gather(self.noise, self.user))
            latent = self.grades.draw(self.fitted[: self.n], scale, self.random)
            self.latent.assign(tf.concat([latent, [0.0]], 0))
        self._draw_weights(self.users, self._item_design(), self._user_offset())
        self._draw_weights(self.items, self._user_design(), self._item_offset())
        residual = (self.latent - self.fitted)[: self.n]
        residual -= self._draw_intercept(residual)
        self._draw_noise(residual**2)
        return tf.reduce_mean(residual**2)

    def predict(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """(2): predict the ratings of pairs with the current weights, in steps: float32 [n]."""
        design = tf.gather(self._item_design(), item)
        score = tf.reduce_sum(tf.gather(self.users.weights, user) * design, 1) + self.intercept
        score += tf.gather(self._item_bias(), item)
        if self.grades:
            return expected(score, tf.gather(self.noise, user), self.grades.cuts, self.scale.low)
        return tf.clip_by_value(score + self.mean, self.scale.low, self.scale.high)

    def _item_bias(self) -> tf.Tensor:
        _, bias, _ = self.layout.split(self.items.weights)
        return bias if self.layout.wide else tf.zeros(len(self.crossed))

    def _item_design(self) -> tf.Tensor:
        """Return the factors of a user's weights in (1): float32 [titles, width of a user]."""
        embedding, _, _ = self.layout.split(self.items.weights)
        ones = tf.ones([len(self.crossed), 1])
        return tf.concat([embedding, ones, self.crossed], 1) if self.layout.wide else embedding

    def _user_design(self) -> tf.Tensor:
        """Return the factors of a title's weights in (1): float32 [users, width of a title]."""
        embedding, _, _ = self.layout.split(self.users.weights)
        ones = tf.ones([embedding.shape[0], 1])
        return tf.concat([embedding, ones], 1) if self.layout.wide else embedding

    def _user_offset(self) -> Callable[[Padded], tf.Tensor]:
        """Return the terms of (1) without the user's weights, as a function of a group."""
        bias = self._item_bias()
        return lambda group: tf.gather(bias, group.other) + self.intercept

    def _item_offset(self) -> Callable[[Padded], tf.Tensor]:
        """Return the terms of (1) without the title's weights, as a function of a group."""
        if not self.layout.wide:
            return lambda group: tf.zeros_like(group.present) + self.intercept
        _, bias, crosses = self.layout.split(self.users.weights)

        def offset(group: Padded) -> tf.Tensor:
            attributes = tf.gather(self.crossed, group.entity)[..., None]
            crossed = tf.matmul(tf.gather(crosses, group.other), attributes)[..., 0]
            return tf.gather(bias, group.other) + crossed + self.intercept

        return offset

    def _draw_weights(
        self, side: Side, design: tf.Tensor, offset: Callable[[Padded], tf.Tensor]
    ) -> None:
        """Draw the weights of each user (or title) from their posterior, then the prior.

        Args:
            side: users, or titles.
            design: factors of these weights in (1): float32 [titles or users, width].
            offset: computes the other terms of (1) for a group: float32 [b, length].
        """
        mean = side.expected()
        pull = tf.matmul(mean, side.precision)
        normal = self.random.normal(side.weights.shape)

        def posterior(group: Padded) -> tuple[tf.Tensor, tf.Tensor]:
            factors, other_terms = tf.gather(design, group.other), offset(group)
            target = tf.gather(self.latent, group.index) - other_terms
            user = group.entity[:, None] if side is self.users else group.other
            weighted = factors * (tf.gather(self.noise, user) * group.present)[..., None]
            precision = tf.matmul(weighted, factors, transpose_a=True) + side.precision
            moment = tf.matmul(weighted, target[..., None], transpose_a=True)
            moment += tf.gather(pull, group.entity)[..., None]
            noise = tf.gather(normal, group.entity)[..., None]
            weights = _normal_draw(precision, moment, noise)
            fitted = tf.matmul(factors, weights)[..., 0] + other_terms
            return weights[..., 0], tf.reshape(fitted, [-1])

        self._draw_groups(side, mean, tf.function(
            posterior, [GROUP], autograph=False, experimental_attributes=CALLED
        ))  # fmt: skip
        side.draw_prior(self.random)

    def _draw_groups(self, side: Side, mean: tf.Tensor, draw: Callable[..., Any]) -> None:
        """Draw a few groups at a time; then assign the weights and their fitted scores.

        Args:
            side: users, or titles.
            mean: prior mean of the weights: float32 [users or titles, width].
            draw: draws a group's weights [b, width]; returns fitted scores [b * length] too.
        """
        entities, weights, indices, fitted = [], [], [], list[tf.Tensor]()
        for group in side.grouped:
            with tf.control_dependencies(fitted[-ABREAST : 1 - ABREAST]):
                group_weights, group_fitted = draw(group)
            entities.append(group.entity)
            weights.append(group_weights)
            indices.append(tf.reshape(group.index, [-1]))
            fitted.append(group_fitted)
        side.weights.assign(mean)  # entities without ratings keep their prior mean
        side.weights.scatter_nd_update(tf.concat(entities, 0)[:, None], tf.concat(weights, 0))
        self.fitted.scatter_nd_update(tf.concat(indices, 0)[:, None], tf.concat(fitted, 0))

    def _draw_intercept(self, residual: tf.Tensor) -> tf.Tensor:
        """Draw ``w0`` from its normal posterior, under a flat prior; return its change."""
        precision = tf.gather(self.noise, self.user)
        total = tf.reduce_sum(precision)
        deviation = self.random.normal([]) / tf.sqrt(total)
        change = tf.reduce_sum(residual * precision) / total + deviation
        self.intercept.assign_add(change)
        self.fitted.assign_add(tf.fill(self.fitted.shape, change))
        return change

    def _draw_noise(self, squared: tf.Tensor) -> None:
        """(9): draw the noise precisions, given squared residuals [n], then the usual variance."""
        if self.common:
            common = self.random.gamma(self.n / 2, tf.reduce_sum(squared) / 2)
            self.noise.assign(tf.fill(self.noise.shape, common))
            return
        users = self.noise.shape[0]
        counts = tf.math.bincount(self.user, minlength=users, dtype=tf.float32)
        sums = tf.math.unsorted_segment_sum(squared, self.user, users)
        rate = (sums + NOISE_PSEUDO_COUNT * self.usual) / 2
        self.noise.assign(self.random.gamma((counts + NOISE_PSEUDO_COUNT) / 2, rate))
        rate = tf.reduce_sum(self.noise) * NOISE_PSEUDO_COUNT / 2
        self.usual.assign(self.random.gamma(users * NOISE_PSEUDO_COUNT / 2 + 1, rate))


def _normal_draw(precision: tf.Tensor, moment: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Draw normal vectors with mean ``precision``⁻¹ ``moment``, one per row: float32 [b, width, 1].

    Args:
        precision: float32 [b, width, width].
        moment: float32 [b, width, 1].
        noise: standard normal numbers: float32 [b, width, 1].
    """
    root = tf.linalg.cholesky(precision)
    half = tf.linalg.triangular_solve(root, moment) + noise
    return tf.linalg.triangular_solve(root, half, adjoint=True)
