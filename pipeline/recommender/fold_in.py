"""The taste of somebody who was never in the data, from the ratings they give now.

In each draw, the weights of a user are normal given the titles' weights and the user's scores:
where history and number of ratings lead to expect them before, moved by the ratings. Scores behind
grades are not seen; their means and the weights are worked out in turns (variational, as in Albert
& Chib's model by Girolami & Rogers 2006), and so is the user's noise.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from pipeline.arrays import Array
from pipeline.artifact.folder import CONSISTENCY
from pipeline.recommender.scorer import Scorer, Taste

ROUNDS = 8  # of weights, scores and noise in turns
FAR = 1e4  # beyond any threshold


class Learned(NamedTuple):
    """What ratings tell of a user.

    The weights are those expected before any rating, and ``covariance @ design[r] * pull[r]`` for
    each rating r.

    Attributes:
        taste: what titles are weighed with.
        design: what weights are multiplied with for each rating: [draws, n, m].
        pull: how strongly each rating draws the weights [draws, n].
        covariance: of the weights [draws, m, m].
    """

    taste: Taste
    design: Array
    pull: Array
    covariance: Array


def fold_in(scorer: Scorer, item: Array, rating: Array, known: Taste | None = None) -> Learned:
    """Work out the taste of a user.

    Args:
        scorer: the model, with draws.
        item: rows of the item table [n].
        rating: ratings of these, on the scale [n].
        known: the taste of a user whom the model knows: only how the ratings led to it is worked
            out.
    """
    draws = scorer.draws
    design, offset = scorer.design(item)
    design = design.astype(np.float64)
    column = _described(scorer, item)
    mean = np.array([column @ draw.user_map for draw in draws], np.float64)
    precision = np.array([draw.precision for draw in draws], np.float64)
    noise, free = scorer.noise
    graded = np.array([len(draw.cuts) > 0 for draw in draws])
    cuts = np.array([draw.cuts for draw in draws if len(draw.cuts)])
    cuts = cuts[:, None] - offset[graded][..., None] if len(cuts) else cuts
    usual, weights = noise, mean
    if known:
        weights, noise = known.weights.astype(np.float64), known.noise.astype(np.float64)
    squares = np.matmul(design.swapaxes(1, 2), design)
    before = np.matmul(design, mean[..., None])[..., 0]
    target = rating - offset.astype(np.float64)
    for _ in range(1 if known else ROUNDS):
        unsure = np.zeros(len(draws))
        if len(cuts):
            score = np.matmul(design, weights[..., None])[..., 0]
            grade = (rating - scorer.scale[0]).astype(int)
            target[graded], variance = _hidden(score[graded], noise[graded], grade, cuts)
            unsure[graded] = variance.sum(1)
        covariance = np.linalg.inv(noise[:, None, None] * squares + precision)
        pull = noise[:, None] * (target - before)
        moved = np.einsum("dij,dj->di", covariance, np.einsum("dnm,dn->dm", design, pull))
        weights = mean + moved
        if free.any() and not known:
            strays = ((target - before - np.einsum("dnm,dm->dn", design, moved)) ** 2).sum(1)
            strays += np.einsum("dij,dji->d", covariance, squares) + unsure
            own = (len(item) + CONSISTENCY) / (strays + CONSISTENCY / usual)
            noise = np.where(free, own, usual)
    total = int(rating.sum()), len(rating)
    found = Taste(0, total, weights.astype(np.float32), noise.astype(np.float32))
    return Learned(known or found, design, pull, covariance)


def _described(scorer: Scorer, item: Array) -> Array:
    """Describe a user as ``model.describe`` does: history, number of ratings, a constant."""
    basis = scorer.basis[item[item < len(scorer.basis)]].astype(np.float32)
    history = basis.sum(0) / max(1, len(item)) ** 0.5
    middle, spread = scorer.network.arrays["counts"]
    often = (np.log1p(len(item)) - middle) / spread if len(item) else 0.0
    return np.concatenate([history, [often, 1.0]])


def _hidden(score: Array, noise: Array, grade: Array, cuts: Array) -> tuple[Array, Array]:
    """Return mean and variance of the scores behind grades: normal, between two thresholds.

    Args:
        score: where they are expected [draws, n].
        noise: their precision [draws].
        grade: from 0 [n].
        cuts: thresholds of the grades of each rating [draws, n, grades - 1].
    """
    ends = np.pad(cuts, ((0, 0), (0, 0), (1, 1)), constant_values=(-FAR, FAR))
    rows, root = np.arange(len(grade)), noise[:, None] ** 0.5
    low, high = ((ends[:, rows, grade + i] - score) * root for i in (0, 1))
    flip = low > 0  # what is small is told apart, not what is near to one
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    mass = np.maximum(ndtr(high) - ndtr(low), 1e-300)
    at_low, at_high = (np.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5 / mass for x in (low, high))
    moved = at_low - at_high
    near = np.clip(low, -40, 40) * at_low - np.clip(high, -40, 40) * at_high
    variance = np.clip(1 + near - moved**2, 0, 1)
    return score + np.where(flip, -moved, moved) / root, variance / noise[:, None]
