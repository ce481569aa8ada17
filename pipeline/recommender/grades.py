"""Ratings as ordered grades: what a latent score, its noise and the thresholds lead to expect.

A latent score with normal noise falls between two thresholds, and these name the grade (ordinal
probit). Numbers in parentheses are those of the equations in docs/model.md.
"""

import numpy as np
from scipy.special import erf, ndtr

from pipeline.arrays import Array
from pipeline.artifact.formulas import FAR

KNOTS, FINE = 8, 32  # knots per unit of erf, and steps of the table between two knots
REACH = 5.0  # units of erf beyond which the lowest or highest grade is certain
TAIL = 40.0  # standard deviations beyond which the normal density is 0 in float64


def expected(score: Array, noise: Array, cuts: Array, scale: tuple[int, int]) -> Array:
    """(2): return the mean rating of latent scores.

    Args:
        score: of any shape.
        noise: precision of the noise, of a shape that broadcasts to it.
        cuts: thresholds between grades; empty where ratings are the scores themselves.
        scale: lowest and highest rating.
    """
    if not len(cuts):
        return np.clip(score, *scale)
    root = np.sqrt(noise / 2)
    total = np.zeros_like(score)
    for cut in cuts:
        total += erf((score - cut) * root)
    return scale[0] + (total + len(cuts)) / 2


def standardised_bounds(
    score: Array, noise: Array, cuts: Array, grade: Array
) -> tuple[Array, Array, Array]:
    """Return the thresholds around each grade, in standard deviations from the score.

    Args:
        score: latent scores [..., n].
        noise: precision of their noise, of a shape that broadcasts to it.
        cuts: thresholds [..., grades - 1].
        grade: from 0: integers [n].

    Returns:
        Lower and upper bound [..., n], mirrored where both are above the score, and whether they
        were: a small probability in the lower tail keeps its digits, one near 1 would lose them.
    """
    padding = [(0, 0)] * (cuts.ndim - 1) + [(1, 1)]
    ends = np.pad(cuts, padding, constant_values=(-FAR, FAR))
    low, high = ((ends[..., grade + i] - score) * np.sqrt(noise) for i in (0, 1))
    mirrored = low > 0
    return np.where(mirrored, -high, low), np.where(mirrored, -low, high), mirrored


def chance(score: Array, noise: Array, cuts: Array, grade: Array) -> Array:
    """(3): return the probability of each ``grade``; arguments as ``standardised_bounds``."""
    low, high, _ = standardised_bounds(score, noise, cuts, grade)
    return ndtr(high) - ndtr(low)


def latent_moments(score: Array, noise: Array, cuts: Array, grade: Array) -> tuple[Array, Array]:
    """(4): return mean and variance of the latent scores behind known grades [..., n].

    They are normal, truncated to the interval between two thresholds. Arguments as
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
    """``expected`` for many scores of one user in one draw, from a table: good to six digits.

    Args:
        noise: precision of the user's noise.
        cuts: thresholds between grades, at least one.
        scale: lowest and highest rating.
    """

    def __init__(self, noise: float, cuts: Array, scale: tuple[int, int]) -> None:
        root = float(noise / 2) ** 0.5
        self.low = float(cuts.min()) - REACH / root
        step = 1 / (KNOTS * root)
        knots = int((float(cuts.max()) + REACH / root - self.low) / step) + 2
        at = self.low + step * np.arange(knots)
        value = expected(at, np.array(noise, np.float64), cuts, scale)
        density = np.exp(-(((at[:, None] - cuts) * root) ** 2))
        slope = density.sum(1) * root / np.sqrt(np.pi) * step
        rise, before, after = np.diff(value), slope[:-1], slope[1:]
        hermite = [value[:-1], before, 3 * rise - 2 * before - after, before + after - 2 * rise]
        steps = np.arange(FINE) / FINE
        between = np.stack(hermite, 1) @ steps ** np.arange(4)[:, None]
        values = np.append(between.ravel(), value[-1])
        self.value = values.astype(np.float32)
        self.rise = np.append(np.diff(values), 0).astype(np.float32)
        self.per_step = FINE / step
        self.last = np.float32(len(values) - 1)

    def __call__(self, score: Array) -> Array:
        """Return the mean rating of scores, float32 [n], which are overwritten."""
        score -= np.float32(self.low)
        score *= np.float32(self.per_step)
        np.clip(score, 0, self.last, out=score)
        place = score.astype(np.int32)
        score -= place
        score *= self.rise.take(place)
        score += self.value.take(place)
        return score
