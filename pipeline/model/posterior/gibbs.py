"""One chain: Gibbs sampling of the wide and deep weights together, in TensorFlow.

A rating is the latent score ``w0 + b_u + b_i + c_u · a_i + p_u · q_i`` (1) plus normal noise, or
the ordered grade of this sum (``pipeline.model.posterior.ordered_probit``). All weights of a user
are drawn from their joint normal posterior given those of the titles, and vice versa (Bayesian
probabilistic matrix factorisation, Salakhutdinov & Mnih 2008). The prior mean (5) is a linear map
of attributes and history (``pipeline.model.posterior.prior``). Each user has a noise precision (9).

Each worker has some users and their ratings. What all ratings say of a title is summed over the
workers; each then draws some of the titles, for all. Numbers in parentheses are those of the
equations in docs/model.md.
"""

import numpy as np
import tensorflow as tf

from pipeline.artifact.formulas import NOISE_PSEUDO_COUNT, Layout
from pipeline.artifact.scale import Scale
from pipeline.model.distributions import Random, normal_draw
from pipeline.model.posterior.algebra import evidence
from pipeline.model.posterior.ordered_probit import Grades, expected
from pipeline.model.posterior.padded import Padded, of_each, places
from pipeline.model.posterior.prior import Side
from pipeline.model.posterior.ratings import Ratings
from pipeline.model.shard import Part
from pipeline.model.workers import Workers, total, totals


class Chain:
    """One chain: ``sweep`` draws all weights anew, ``predict`` uses the current ones.

    Args:
        data: the training data of a worker.
        scale: the scale, in steps.
        embedding: width of the embeddings; 0 without a deep part.
        wide: whether there are biases and crosses.
        grades: whether ratings are ordered grades; otherwise numbers.
        common: whether all users share one noise precision.
        seed: random seed.
        workers: the workers.

    Attributes:
        titles: weights of all titles with ratings, and of row 0: float32 [titles, width].
        latent: noisy latent score of each rating, relative to the mean rating, as the thresholds
            are; a number is its own: float32 [n + 1]. The last entry is for padding, here and in
            ``fitted``.
        fitted: latent scores (1) of the current weights: float32 [n + 1].
        noise: noise precision of each user: float32 [users].
        usual: usual variance σ² of (9): float32 [].
    """

    def __init__(
        self, data: Ratings, scale: Scale, embedding: int, wide: bool, grades: bool,
        common: bool, seed: int, workers: Workers,
    ) -> None:  # fmt: skip
        shard = data.shard
        self.scale, self.layout, self.common = scale, Layout(embedding, wide), common
        self.rows, self.n, self.mean = shard.rows, shard.rows.size, shard.mean
        self.random = Random(seed)
        widths = embedding + wide * (1 + len(data.crossed)), embedding + wide
        self.users, self.items = (
            Side(part, described, counts[part.start : part.end] > 0, (embedding, width), workers)
            for part, described, counts, width in (
                (shard.users, data.users, shard.user_counts, widths[0]),
                (shard.titles, data.items, shard.item_counts, widths[1]),
            )
        )
        self.by_user, self.by_item = data.by_user, data.by_item
        self.place = places(data.by_user, self.n)
        self.cold, self.crossed = tf.constant(data.cold), tf.constant(data.crosses)
        start = np.zeros((shard.titles.total, widths[1]), np.float32)
        start[:, :embedding] = np.random.default_rng(seed).normal(0, 0.1, (len(start), embedding))
        self.titles, self.user = tf.Variable(start), tf.constant(shard.user)
        self.latent = tf.Variable(np.append(shard.rating - self.mean, 0).astype(np.float32))
        self.fitted = tf.Variable(tf.zeros(self.n + 1))
        self.intercept = tf.Variable(0.0)
        self.noise = tf.Variable(tf.fill([shard.users.size], 2 / shard.variance))
        self.usual = tf.Variable(shard.variance / 2)
        self.grades = Grades(shard.rating, scale, self.mean, workers) if grades else None

    @property
    def shared(self) -> list[tf.Variable]:
        """The state of the chain that all workers have in common, for a checkpoint."""
        cuts = [self.grades.cuts] if self.grades else []
        rest = [self.titles, self.intercept, self.usual, self.random.state, *cuts]
        return [*self.users.shared, *self.items.shared, *rest]

    @property
    def own(self) -> list[tuple[tf.Variable, Part]]:
        """The rest of the state: of this worker's ratings and users. Weights of users are drawn."""
        return [(self.fitted, self.rows), (self.noise, self.users.part)]

    def sweep(self) -> tf.Tensor:
        """Draw all variables once; return the mean squared residual of the latent scores."""
        if self.grades:
            scale = tf.sqrt(tf.gather(self.noise, self.user))
            latent = self.grades.draw(self.fitted[: self.n], scale, self.random, self.rows)
            self.latent.assign(tf.concat([latent, [0.0]], 0))
        self._draw_users()
        self._draw_titles()
        self._draw_priors()
        residual = (self.latent - self.fitted)[: self.n]
        residual -= self._draw_intercept(residual)
        return self._draw_noise(residual**2) / self.rows.total

    def predict(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """(2): predict the ratings of pairs with the current weights, in steps: float32 [n].

        Args:
            user: users of this worker: int32 [n].
            item: titles with ratings, or beyond these the rows of ``cold``: int32 [n].
        """
        weights = tf.concat([self.titles, tf.matmul(self.cold, self.items.map)], 0)
        design = tf.gather(self._item_design(weights), item)
        score = tf.reduce_sum(tf.gather(self.users.weights, user) * design, 1) + self.intercept
        score += tf.gather(self._item_bias(weights), item)
        if self.grades:
            return expected(score, tf.gather(self.noise, user), self.grades.cuts, self.scale.low)
        return tf.clip_by_value(score + self.mean, self.scale.low, self.scale.high)

    def _item_bias(self, weights: tf.Tensor) -> tf.Tensor:
        _, bias, _ = self.layout.split(weights)
        return bias if self.layout.wide else tf.zeros(weights.shape[0])

    def _item_design(self, weights: tf.Tensor) -> tf.Tensor:
        """Return the factors of a user's weights in (1): float32 [titles, width of a user]."""
        embedding, _, _ = self.layout.split(weights)
        if not self.layout.wide:
            return embedding
        titles = embedding.shape[0]
        return tf.concat([embedding, tf.ones([titles, 1]), self.crossed[:titles]], 1)

    def _user_design(self) -> tf.Tensor:
        """Return the factors of a title's weights in (1): float32 [users, width of a title]."""
        embedding, _, _ = self.layout.split(self.users.weights)
        ones = tf.ones([embedding.shape[0], 1])
        return tf.concat([embedding, ones], 1) if self.layout.wide else embedding

    def _draw_users(self) -> None:
        """Draw the weights of each user from their posterior."""
        side, design = self.users, self._item_design(self.titles)
        bias, mean = self._item_bias(self.titles), side.expected()
        pull = tf.matmul(mean, side.precision)
        normal = self.random.normal_rows(side.part, mean.shape[1])

        def draw(group: Padded) -> tuple[tf.Tensor, ...]:
            factors, user = tf.gather(design, group.other), group.entity
            other_terms = tf.gather(bias, group.other) + self.intercept
            target = tf.gather(self.latent, group.index) - other_terms
            noise = tf.gather(self.noise, user)[:, None]
            precision, moment = evidence(factors, target, noise * group.present)
            precision, moment = precision + side.precision, moment + tf.gather(pull, user)
            weights = normal_draw(precision, moment, tf.gather(normal, user))
            fitted = tf.linalg.matvec(factors, weights) + other_terms
            return weights, user, tf.reshape(fitted, [-1])

        weights, users, fitted = of_each(self.by_user, draw)
        side.weights.assign(mean)  # a user without ratings keeps the prior mean
        side.weights.scatter_nd_update(users[:, None], weights)
        self.fitted.assign(tf.gather(fitted, self.place))

    def _draw_titles(self) -> None:
        """Draw the weights of each title from their posterior."""
        side, design, before = self.items, self._user_design(), self.titles.read_value()
        mean = side.expected()
        pull = tf.matmul(mean, side.precision)
        normal = self.random.normal_rows(side.part, mean.shape[1])

        def draw(precision: tf.Tensor, moment: tf.Tensor, title: tf.Tensor) -> tf.Tensor:
            precision, moment = precision + side.precision, moment + tf.gather(pull, title)
            return normal_draw(precision, moment, tf.gather(normal, title))

        residual = self.latent - self.fitted
        drawn, index = self.by_item.drawn(design, residual, before, self.noise, draw)
        side.weights.assign(mean)
        side.weights.scatter_nd_update(index[:, None], drawn)
        self.titles.assign(self.by_item.of_all(side.weights))
        changes = self.titles - before

        def fit(group: Padded) -> tuple[tf.Tensor]:
            factors = tf.gather(design, group.entity)
            change = tf.linalg.matvec(tf.gather(changes, group.other), factors)
            return (tf.reshape(change, [-1]),)

        (change,) = of_each(self.by_user, fit)
        self.fitted.assign_add(tf.gather(change, self.place))

    def _draw_priors(self) -> None:
        """Draw the priors of users and titles, given the weights."""
        sums = totals([*self.users.sums(), *self.items.sums()])
        self.users.draw_prior(self.random, *sums[:2])
        self.items.draw_prior(self.random, *sums[2:])

    def _draw_intercept(self, residual: tf.Tensor) -> tf.Tensor:
        """Draw ``w0`` from its normal posterior, under a flat prior; return its change."""
        precision = tf.gather(self.noise, self.user)
        sums = [tf.reduce_sum(residual * precision), tf.reduce_sum(precision)]
        moment, all_precision = tf.unstack(total(tf.stack(sums)))
        change = moment / all_precision + self.random.normal([]) / tf.sqrt(all_precision)
        self.intercept.assign_add(change)
        self.fitted.assign_add(tf.fill(self.fitted.shape, change))
        return change

    def _draw_noise(self, squared: tf.Tensor) -> tf.Tensor:
        """(9): draw the noise precisions, then the usual variance; return the sum of ``squared``.

        Args:
            squared: squared residuals [n].
        """
        if self.common:
            squares = total(tf.reduce_sum(squared))
            common = self.random.gamma(self.rows.total / 2, squares / 2)
            self.noise.assign(tf.fill(self.noise.shape, common))
            return squares
        part = self.users.part
        counts = tf.math.bincount(self.user, minlength=part.size, dtype=tf.float32)
        sums = tf.math.unsorted_segment_sum(squared, self.user, part.size)
        shape = (counts + NOISE_PSEUDO_COUNT) / 2
        rate = (sums + NOISE_PSEUDO_COUNT * self.usual) / 2
        self.noise.assign(self.random.gamma_rows(part, shape, rate))
        squares, noise = totals([tf.reduce_sum(squared), tf.reduce_sum(self.noise)])
        rate = noise * NOISE_PSEUDO_COUNT / 2
        self.usual.assign(self.random.gamma(part.total * NOISE_PSEUDO_COUNT / 2 + 1, rate))
        return squares
