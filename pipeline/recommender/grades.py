"""Latent scores, and the ordered probit that leads from them to ratings.

A rating is an ordered grade: the latent score plus normal noise falls between two thresholds
(``cuts``). Numbers in parentheses are those of the equations in docs/model.md.
"""

import numpy as np
from scipy.special import erf, ndtr

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.formulas import FAR, Layout
from pipeline.artifact.scale import Scale

# With a cubic between 8 knots per unit of erf's argument, tabulated at 32 steps between knots, the
# error of a rating stays below 2e-5.
KNOTS, STEPS = 8, 32
REACH = 5.0  # units of erf's argument; beyond, erf is 1 to within 2e-12
TAIL = 40.0  # standard deviations; beyond, the normal density is 0 in float64


def gains(rating: Floats, scale: Scale) -> Ints:
    """Return what each rating is worth in a list: 1 for the lowest liked one, 2 for the next grade.

    Returns:
        int64 [n], 0 where the title was not liked.
    """
    return np.maximum(scale.grade(rating) - scale.liked + 1, 0)


def latent_scores(
    layout: Layout, weights: Array, embeddings: Array, offset: Array, attributes: Array
) -> Array:
    """(1): return the latent scores of one user in b draws, or of b users in one draw.

    Args:
        layout: how the weights are laid out.
        weights: the users' weights, float32 [b, n].
        embeddings, offset: the titles' embeddings, float32 [b, titles, k], and their biases plus
            the intercept, float32 [b, titles].
        attributes: the titles' crossed attributes, float32 [titles, m] if all b have the same
            titles, else [b, titles, m].

    Returns:
        float32 [b, titles].
    """
    embedding, bias, crosses = layout.split(weights)
    score = np.matmul(embeddings, embedding[..., None])[..., 0]
    score += offset
    if layout.wide:
        if attributes.ndim == 2:  # one matrix product is faster than b products with a vector
            score += crosses @ attributes.T
        else:
            score += np.matmul(attributes, crosses[..., None])[..., 0]
        score += bias[:, None]
    return score


def expected(score: Array, noise: Array, cuts: Array, scale: Scale) -> Array:
    """(2): return the expected ratings given latent scores.

    Args:
        score: latent scores, of any shape.
        noise: precision of the noise; broadcasts to the shape of ``score``.
        cuts: thresholds between grades; empty for a model whose ratings are the scores themselves.
        scale: the scale of the ratings.
    """
    if not len(cuts):
        return scale.clip(score)
    root = np.sqrt(noise / 2)
    total = np.zeros_like(score)
    for cut in cuts:
        total += erf((score - cut) * root)
    return scale.rating((total + len(cuts)) / 2)


def standardised_bounds(
    score: Array, noise: Array, cuts: Array, grade: Array
) -> tuple[Array, Array, Array]:
    """Return the thresholds below and above each grade, in standard deviations from the score.

    Args:
        score: latent scores [..., n].
        noise: precision of the noise; broadcasts to the shape of ``score``.
        cuts: thresholds [..., grades - 1].
        grade: grades, counted from 0: integers [n].

    Returns:
        Lower bounds, upper bounds, and whether they were mirrored, each [..., n]. Bounds that are
        both above the score are mirrored to the lower tail: probabilities near 0 keep their
        digits, those near 1 would lose them.
    """
    padding = [(0, 0)] * (cuts.ndim - 1) + [(1, 1)]
    ends = np.pad(cuts, padding, constant_values=(-FAR, FAR))
    low, high = ((ends[..., grade + i] - score) * np.sqrt(noise) for i in (0, 1))
    mirrored = low > 0
    return np.where(mirrored, -high, low), np.where(mirrored, -low, high), mirrored


def latent_moments(score: Array, noise: Array, cuts: Array, grade: Array) -> tuple[Array, Array]:
    """(4): return mean and variance [..., n] of the noisy scores, given the grades.

    Each is a normal distribution truncated to the interval between two thresholds. Arguments as in
    ``standardised_bounds``.
    """
    low, high, mirrored = standardised_bounds(score, noise, cuts, grade)
    mass = np.maximum(ndtr(high) - ndtr(low), 1e-300)
    at_low, at_high = (np.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5 / mass for x in (low, high))
    shift = at_low - at_high
    ends = np.clip(low, -TAIL, TAIL) * at_low - np.clip(high, -TAIL, TAIL) * at_high
    variance = np.clip(1 + ends - shift**2, 0, 1)
    return score + np.where(mirrored, -shift, shift) / np.sqrt(noise), variance / noise


class ExpectedCurve:
    """Looks up ``expected`` for one user in one draw in a table, to within 2e-5.

    Args:
        noise: precision of the user's noise.
        cuts: thresholds between grades, at least one.
        scale: the scale of the ratings.
    """

    def __init__(self, noise: float, cuts: Array, scale: Scale) -> None:
        root = float(noise / 2) ** 0.5
        self.low = float(cuts.min()) - REACH / root
        step = 1 / (KNOTS * root)
        knots = int((float(cuts.max()) + REACH / root - self.low) / step) + 2
        score = self.low + step * np.arange(knots)
        value = expected(score, np.array(noise, np.float64), cuts, scale)
        density = np.exp(-(((score[:, None] - cuts) * root) ** 2))
        slope = density.sum(1) * root / np.sqrt(np.pi) * step * scale.step
        rise, before, after = np.diff(value), slope[:-1], slope[1:]
        hermite = [value[:-1], before, 3 * rise - 2 * before - after, before + after - 2 * rise]
        steps = np.arange(STEPS) / STEPS
        between = np.stack(hermite, 1) @ steps ** np.arange(4)[:, None]
        values = np.append(between.ravel(), value[-1])
        self.value = values.astype(np.float32)
        self.rise = np.append(np.diff(values), 0).astype(np.float32)
        self.per_step = STEPS / step
        self.last = np.float32(len(values) - 1)

    def __call__(self, score: Array) -> Array:
        """Return the expected ratings given latent scores, float32 [n], which are overwritten."""
        score -= np.float32(self.low)
        score *= np.float32(self.per_step)
        np.clip(score, 0, self.last, out=score)
        index = score.astype(np.int32)
        score -= index
        score *= self.rise.take(index)
        score += self.value.take(index)
        return score
