"""The rating that a score leads to expect: grades lie between cut points, and scores have noise."""

import numpy as np
from scipy.special import erf

from pipeline.arrays import Array

KNOTS, FINE = 8, 32  # places per unit of erf where it is worked out, and steps between two of them
REACH = 5.0  # units of erf, beyond which the lowest or highest grade is sure


def exact(score: Array, noise: Array, cuts: Array, scale: tuple[int, int]) -> Array:
    """Return the mean rating of scores.

    Args:
        score: of any shape.
        noise: precision of the noise, of a shape that broadcasts to it.
        cuts: thresholds of the grades; none where ratings are the scores.
        scale: lowest and highest rating.
    """
    if not len(cuts):
        return np.clip(score, *scale)
    root = np.sqrt(noise / 2)
    total = np.zeros_like(score)
    for cut in cuts:
        total += erf((score - cut) * root)
    return scale[0] + (total + len(cuts)) / 2


class Curve:
    """The same for many scores of one user in one draw, as a table: good to six digits.

    Args:
        noise: precision of the user's noise.
        cuts: thresholds of the grades, at least one.
        scale: lowest and highest rating.
    """

    def __init__(self, noise: float, cuts: Array, scale: tuple[int, int]) -> None:
        root = float(noise / 2) ** 0.5
        self.low = float(cuts.min()) - REACH / root
        step = 1 / (KNOTS * root)
        knots = int((float(cuts.max()) + REACH / root - self.low) / step) + 2
        far = (self.low + step * np.arange(knots)[:, None] - cuts) * root
        value = scale[0] + (erf(far) + 1).sum(1) / 2
        slope = np.exp(-(far**2)).sum(1) * root / np.sqrt(np.pi) * step
        rise, before, after = np.diff(value), slope[:-1], slope[1:]
        cubic = [value[:-1], before, 3 * rise - 2 * before - after, before + after - 2 * rise]
        steps = np.arange(FINE) / FINE
        between = np.stack(cubic, 1) @ steps ** np.arange(4)[:, None]
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
