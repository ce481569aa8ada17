"""Fold-in: the posterior of a new user's weights given their ratings, without retraining.

Given the titles' weights, the posterior of a user's weights is normal in each draw: the prior mean
(5) moved by the ratings. The latent scores behind grades are not observed, so their moments (4),
the weights and the user's noise (9) are updated in turns (variational; Girolami & Rogers 2006 for
the probit of Albert & Chib 1993). Numbers in parentheses are those of the equations in
docs/model.md.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.formulas import NOISE_PSEUDO_COUNT
from pipeline.recommender.factors import Factors, UserWeights
from pipeline.recommender.grades import latent_moments
from pipeline.recommender.network import Network

ROUNDS = 8  # updates of latent scores, weights and noise


class UserPosterior(NamedTuple):
    """The posterior of one user's weights, in all draws.

    Its mean is the prior mean plus ``covariance @ design[r] * pull[r]``, summed over ratings r.

    Attributes:
        user: posterior mean of the weights, and the noise.
        design: what each rating multiplies the weights with, [draws, ratings, m].
        pull: residual under the prior mean times the noise precision, [draws, ratings].
        covariance: covariance of the weights, [draws, m, m].
    """

    user: UserWeights
    design: Array
    pull: Array
    covariance: Array

    def every(self, step: int) -> "UserPosterior":
        """Return the posterior in every ``step``-th draw, without the memory of the others."""
        arrays = (of[::step].copy() for of in (self.design, self.pull, self.covariance))
        return UserPosterior(self.user.every(step), *arrays)


def fold_in(
    factors: Factors,
    item: Ints,
    rating: Floats,
    trained: UserWeights | None = None,
    network: Network | None = None,
    listed: Ints | None = None,
) -> UserPosterior:
    """Compute the posterior of a user's weights.

    Args:
        factors: the weights of titles, and the prior of users.
        item: rows of the rated titles in the item table [n].
        rating: their ratings, on the scale [n].
        trained: the weights of a user of the training data. They are returned as they are; only
            design, pull and covariance are computed, which attribute them to the ratings.
        network: the network that ``factors`` belong to; its ReLU layers explain a part of the
            ratings.
        listed: rows of all titles that count in the user's history, rated or not [m]; those of
            the ratings if None.
    """
    regression = _Regression(factors, item, rating, item if listed is None else listed)
    weights: Floats = regression.prior_mean
    noise: Floats = regression.usual_noise
    if trained:
        weights, noise = trained.weights.astype(np.float64), trained.noise.astype(np.float64)
    layers = _layers(network, item)
    for _ in range(1 if trained else ROUNDS):
        target, variance = regression.targets(weights, noise)
        target = target - layers(weights)
        covariance, pull, weights = regression.posterior(target, noise)
        if not trained:
            noise = regression.noise(target, variance, covariance, weights)
    user = trained or UserWeights(weights.astype(np.float32), noise.astype(np.float32))
    return UserPosterior(user, regression.design, pull, covariance)


def _layers(network: Network | None, item: Ints) -> Callable[[Floats], Array | float]:
    """Return what the ReLU layers add to the scores of titles, as a function of the weights."""
    if network is None:
        return lambda _: 0.0
    vectors = network.factors.embeddings[:, item]
    return lambda weights: network.perceptron(weights, vectors)


class _Regression:
    """The regression of one user's ratings on the titles' weights, in all draws at once.

    Attributes:
        design: what each rating multiplies the weights with, float64 [draws, n, m].
        prior_mean: prior mean of the weights [draws, m].
        usual_noise: median precision of users' ratings [draws].
    """

    def __init__(self, factors: Factors, item: Ints, rating: Floats, listed: Ints) -> None:
        self.design = _design(factors, item).astype(np.float64)
        self.offset = factors.offset[:, item].astype(np.float64)
        self.rating, self.grade = rating, factors.scale.grade(rating)
        columns = _prior_columns(factors, listed, len(item))
        self.prior_mean = np.array([columns @ draw.user_map for draw in factors.draws], np.float64)
        self.precision = np.array([draw.precision for draw in factors.draws], np.float64)
        self.usual_noise, self._by_user = factors.noise
        self._graded = np.array([len(draw.cuts) > 0 for draw in factors.draws])
        self._cuts = np.array([draw.cuts for draw in factors.draws if len(draw.cuts)], np.float64)
        self._squares = np.matmul(self.design.swapaxes(1, 2), self.design)

    def targets(self, weights: Floats, noise: Floats) -> tuple[Floats, Floats]:
        """Return the regression targets [draws, n] and the sum of their variances [draws].

        Targets are ratings, or expected latent scores given the grades, less the titles' offsets.
        """
        target, variance = self.rating - self.offset, np.zeros(len(noise))
        graded = self._graded
        if graded.any():
            score = self._product(weights)[graded] + self.offset[graded]
            mean, spread = latent_moments(score, noise[graded, None], self._cuts, self.grade)
            target[graded] = mean - self.offset[graded]
            variance[graded] = spread.sum(1)
        return target, variance

    def posterior(self, target: Floats, noise: Floats) -> tuple[Floats, Floats, Floats]:
        """Return covariance [draws, m, m], pull [draws, n] and mean [draws, m] of the weights."""
        covariance = np.linalg.inv(noise[:, None, None] * self._squares + self.precision)
        pull = noise[:, None] * (target - self._product(self.prior_mean))
        evidence = np.einsum("dnm,dn->dm", self.design, pull)
        return covariance, pull, self.prior_mean + np.einsum("dij,dj->di", covariance, evidence)

    def noise(
        self, target: Floats, variance: Floats, covariance: Floats, weights: Floats
    ) -> Floats:
        """(9): return the precision of the user's ratings in each draw [draws]."""
        errors = ((target - self._product(weights)) ** 2).sum(1)
        errors += np.einsum("dij,dji->d", covariance, self._squares) + variance
        usual = self.usual_noise
        estimate = (len(self.rating) + NOISE_PSEUDO_COUNT) / (errors + NOISE_PSEUDO_COUNT / usual)
        return np.where(self._by_user, estimate, usual)

    def _product(self, weights: Floats) -> Floats:
        return np.matmul(self.design, weights[..., None])[..., 0]


def _design(factors: Factors, item: Ints) -> Floats:
    """(1): return what a title multiplies a user's weights with, for titles [n].

    Returns:
        float32 [draws, n, m], laid out as the weights are: embedding, 1, attributes.
    """
    parts = [factors.embeddings[:, item]]
    if factors.layout.wide:
        one = np.ones((len(item), 1), np.float32)
        wide = np.concatenate([one, factors.attributes[item]], 1)
        parts.append(np.broadcast_to(wide, (len(factors.draws), *wide.shape)))
    return np.concatenate(parts, 2)


def _prior_columns(factors: Factors, listed: Ints, rated: int) -> Floats:
    """(5): return x of a user with these titles on their list: history, log-count (7) and 1."""
    basis = factors.basis[listed[listed < len(factors.basis)]].astype(np.float32)
    history = basis.sum(0) / max(1, len(listed)) ** factors.power
    return np.concatenate([history, factors.counts(np.array([rated])), [1.0]])
