"""Errors of predictions, with 95 % intervals from a bootstrap over users.

Ratings of one user are correlated, so whole users are drawn, with replacement (Efron & Tibshirani
1993). An interval is the 2.5 and 97.5 percentile over the draws; of few users there is none. All
figures are computed from sums per user, so a draw is one matrix product.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.arrays import Array, Floats, Ints

Interval = tuple[float, float]

GROUPS = 20  # quantile groups of the predictions, for the calibration error
MIN_USERS = 6  # users of whom an interval is known: fewer are all above the truth, or all below it,
# with a chance of more than 5 %, and no draw of them is on its other side
AT_ONCE = 16  # draws at a time: bounds memory
MIN_VARIANCE = 1e-9  # variance of ratings below which R² is undefined: all ratings are equal


@dataclass(frozen=True)
class Bootstrap:
    """Bootstrap over users; all figures share its draws, so that differences are paired.

    Attributes:
        resamples: number of draws.
        seed: seed of the draws.
    """

    resamples: int
    seed: int

    def totals(self, sums: Array) -> Floats:
        """Add up the rows of the drawn users in each draw.

        Args:
            sums: sums per user [users, n].

        Returns:
            float64 [resamples, n]; not a number for fewer than MIN_USERS users.
        """
        random, users = np.random.default_rng(self.seed), len(sums)
        if users < MIN_USERS:
            return np.full((self.resamples, sums.shape[1]), np.nan)
        parts = []
        for start in range(0, self.resamples, AT_ONCE):
            number = min(AT_ONCE, self.resamples - start)
            drawn = random.integers(users, size=(number, users))
            times = [np.bincount(row, minlength=users) for row in drawn]
            parts.append(np.stack(times).astype(np.float64) @ sums)
        return np.concatenate(parts)

    def mean(self, values: Floats, user: Ints) -> Interval:
        """Return the interval of the mean of ``values`` [n], given the ``user`` of each [n]."""
        codes = pd.factorize(user)[0]
        sums = np.stack([np.bincount(codes, values), np.bincount(codes)], 1)
        total, number = self.totals(sums).T
        return percentiles(total / number)


def percentiles(draws: Floats) -> Interval:
    """Return the 2.5 and 97.5 percentile of a figure over the draws where it is finite."""
    draws = draws[np.isfinite(draws)]
    low, high = np.quantile(draws, [0.025, 0.975]) if len(draws) else (np.nan, np.nan)
    return float(low), float(high)


class Figures(NamedTuple):
    """Point estimates by name, and their 95 % intervals."""

    point: dict[str, float]
    ci95: dict[str, Interval]


def measure(
    rating: Floats,
    prediction: Floats,
    user: Ints,
    bootstrap: Bootstrap,
    log_likelihood: Floats | None = None,
) -> Figures:
    """Measure predictions [n] of ratings [n].

    Returns:
        mse (squared rating points); rmse and mae (rating points); r2 (share of the variance,
        absent where all ratings are equal); calibration_error (rating points: distance between
        mean prediction and mean rating, averaged over GROUPS quantile groups, bias-corrected);
        and the mean log_likelihood (nats) where it is given. Of fewer than MIN_USERS users, there
        are no intervals and no calibration_error.
    """
    sums = _sums_by_user(rating, prediction, user, log_likelihood)
    point = {name: float(value) for name, value in _figures(sums.sum(0)).items()}
    draws = _figures(bootstrap.totals(sums))
    ci95 = {name: percentiles(values) for name, values in draws.items()}
    name = "calibration_error"
    point[name], ci95[name] = _bias_corrected(point[name], ci95[name], draws[name])
    missing = [name for name, value in point.items() if np.isnan(value)]
    if log_likelihood is None:
        missing.append("log_likelihood")
    for name in missing:
        del point[name], ci95[name]
    return Figures(point, ci95)


def _sums_by_user(
    rating: Floats, prediction: Floats, user: Ints, log_likelihood: Floats | None
) -> Floats:
    """Return the sums that ``_figures`` needs: float64 [users, 6 + GROUPS]."""
    codes = pd.factorize(user)[0]
    rating, error = rating.astype(np.float64), prediction.astype(np.float64) - rating
    columns = [np.ones(len(rating)), error**2, np.abs(error), rating, rating**2]
    columns.append(np.zeros(len(rating)) if log_likelihood is None else log_likelihood)
    sums = np.stack([np.bincount(codes, column) for column in columns], 1)
    groups = quantile_groups(prediction, GROUPS)
    cells = np.bincount(codes * GROUPS + groups, error, minlength=len(sums) * GROUPS)
    return np.concatenate([sums, cells.reshape(-1, GROUPS)], 1)


def _figures(sums: Floats) -> dict[str, Floats]:
    """Turn sums [..., 6 + GROUPS] into figures [...]."""
    n, squared, absolute, rating, rating_squared, log_likelihood = np.moveaxis(sums, -1, 0)[:6]
    variance = rating_squared - rating**2 / n
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(variance > MIN_VARIANCE * n, 1 - squared / variance, np.nan)
    return {
        "mse": squared / n,
        "rmse": np.sqrt(squared / n),
        "mae": absolute / n,
        "r2": r2,
        "calibration_error": np.abs(sums[..., 6:]).sum(-1) / n,
        "log_likelihood": log_likelihood / n,
    }


def _bias_corrected(estimate: float, ci95: Interval, draws: Floats) -> tuple[float, Interval]:
    """Bootstrap bias correction: 2·estimate - bootstrap mean, and the basic interval.

    Noise in the group means raises the calibration error; resampling raises it again by as much.
    """
    (low, high), twice = ci95, 2 * estimate
    figures = np.maximum(0, [twice - draws.mean(), twice - high, twice - low])
    corrected, *ends = figures.tolist()
    return corrected, (ends[0], ends[1])


def quantile_groups(values: Floats, groups: int) -> Ints:
    """Divide values [n] into groups of equal size by rank: int64 [n], 0 for the lowest."""
    rank = np.empty(len(values), np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    return rank * groups // max(1, len(values))


def difference(
    ours: Floats, theirs: Floats, user: Ints, bootstrap: Bootstrap, higher_is_better: bool = False
) -> dict[str, Any]:
    """Compare a figure of the same rows [n], an error by default, by a paired bootstrap.

    Returns:
        ``difference``: mean of ours minus mean of theirs; ``difference_ci95``; ``better``: whether
        ours are significantly better: for errors, the whole interval is below 0, and for figures
        of which higher is better, above 0.
    """
    paired = ours.astype(np.float64) - theirs
    low, high = bootstrap.mean(paired, user)
    return {
        "difference": float(paired.mean()),
        "difference_ci95": (low, high),
        "better": low > 0 if higher_is_better else high < 0,
    }
