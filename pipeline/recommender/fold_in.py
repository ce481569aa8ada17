"""Fold-in: the taste of somebody who was not in the data, from their ratings, without retraining.

Given the titles' weights, those of a user are normal in each draw: the prior mean (5) moved by the
ratings. Latent scores behind grades are not observed, so their moments (4), the weights and the
user's noise (9) are updated in turns (variational; Girolami & Rogers 2006 for the probit of
Albert & Chib 1993). Numbers in parentheses are those of the equations in docs/model.md.
"""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.formulas import NOISE_PSEUDO_COUNT, LogScale
from pipeline.recommender.grades import latent_moments
from pipeline.recommender.scorer import Scorer, Taste

ROUNDS = 8  # updates of latent scores, weights and noise


class Learned(NamedTuple):
    """What ratings say about a user.

    The weights are the prior mean plus ``covariance @ design[r] * pull[r]`` for each rating r.

    Attributes:
        taste: what the user weighs titles with.
        design: what weights are multiplied with for each rating: [draws, n, m].
        pull: how strongly each rating moves the weights [draws, n].
        covariance: of the weights [draws, m, m].
    """

    taste: Taste
    design: Array
    pull: Array
    covariance: Array


def fold_in(scorer: Scorer, item: Ints, rating: Floats, known: Taste | None = None) -> Learned:
    """Work out the taste of a user.

    Args:
        scorer: the model, with draws.
        item: rows of the item table [n].
        rating: ratings of these, on the scale [n].
        known: the taste of a user the model was trained on: it is kept, and only how the ratings
            led to it is worked out.
    """
    user = _Regression(scorer, item, rating)
    weights: Floats = user.prior_mean
    noise: Floats = user.usual_noise
    if known:
        weights, noise = known.weights.astype(np.float64), known.noise.astype(np.float64)
    for _ in range(1 if known else ROUNDS):
        target, variance = user.targets(weights, noise)
        covariance, pull, weights = user.posterior(target, noise)
        if not known:
            noise = user.noise(target, variance, covariance, weights)
    total = int(rating.sum()), len(rating)
    found = Taste(0, total, weights.astype(np.float32), noise.astype(np.float32))
    return Learned(known or found, user.design, pull, covariance)


class _Regression:
    """The ratings of one user as a regression on the titles' weights, in all draws at once.

    Attributes:
        design: float64 [draws, n, m].
        prior_mean: of the weights [draws, m].
        usual_noise: median precision of users' ratings [draws].
    """

    def __init__(self, scorer: Scorer, item: Ints, rating: Floats) -> None:
        design, offset = scorer.design(item)
        self.design, self.offset = design.astype(np.float64), offset.astype(np.float64)
        self.rating, self.grade = rating, (rating - scorer.scale[0]).astype(int)
        columns = _columns(scorer, item)
        self.prior_mean = np.array([columns @ draw.user_map for draw in scorer.draws], np.float64)
        self.precision = np.array([draw.precision for draw in scorer.draws], np.float64)
        self.usual_noise, self._by_user = scorer.noise
        self._graded = np.array([len(draw.cuts) > 0 for draw in scorer.draws])
        self._cuts = np.array([draw.cuts for draw in scorer.draws if len(draw.cuts)], np.float64)
        self._squares = np.matmul(self.design.swapaxes(1, 2), self.design)

    def targets(self, weights: Floats, noise: Floats) -> tuple[Floats, Floats]:
        """Return what the weights should explain [draws, n], and its summed variance [draws]."""
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
        own = (len(self.rating) + NOISE_PSEUDO_COUNT) / (errors + NOISE_PSEUDO_COUNT / usual)
        return np.where(self._by_user, own, usual)

    def _product(self, weights: Floats) -> Floats:
        return np.matmul(self.design, weights[..., None])[..., 0]


def _columns(scorer: Scorer, item: Ints) -> Floats:
    """Return what the prior knows of a user: history, number of ratings, a constant."""
    basis = scorer.basis[item[item < len(scorer.basis)]].astype(np.float32)
    history = basis.sum(0) / max(1, len(item)) ** 0.5
    log_scale = LogScale(*scorer.network.arrays["counts"])
    return np.concatenate([history, log_scale(np.array([len(item)])), [1.0]])
