"""Errors of predictions, with intervals that respect that ratings of one user hang together.

Every interval is the 2.5 and 97.5 percentile over a bootstrap of users: whole users are drawn, with
replacement (Efron & Tibshirani 1993). All is made of sums by user, so a draw is one matrix product.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.arrays import Array, Floats, Ints

Interval = tuple[float, float]

GROUPS = 20  # of equal size by prediction, within which calibration is looked at
AT_ONCE = 16  # draws
SAME = 1e-9  # variance of ratings below which they are all the same


@dataclass(frozen=True)
class Bootstrap:
    """Draws of users; the same for every figure, so that differences are paired.

    Attributes:
        resamples: how many draws.
        seed: of the draws.
    """

    resamples: int
    seed: int

    def totals(self, sums: Array) -> Floats:
        """Add up the rows [users, n] of the drawn users, as often as each was drawn.

        Returns:
            float64 [resamples, n].
        """
        draws, users = np.random.default_rng(self.seed), len(sums)
        parts = []
        for start in range(0, self.resamples, AT_ONCE):
            number = min(AT_ONCE, self.resamples - start)
            drawn = draws.integers(users, size=(number, users))
            times = [np.bincount(row, minlength=users) for row in drawn]
            parts.append(np.stack(times).astype(np.float64) @ sums)
        return np.concatenate(parts)

    def mean(self, values: Floats, user: Ints) -> Interval:
        """Return the interval of the mean of ``values`` [n], each of a ``user`` [n]."""
        codes = pd.factorize(user)[0]
        sums = np.stack([np.bincount(codes, values), np.bincount(codes)], 1)
        total, number = self.totals(sums).T
        return percentiles(total / number)


def percentiles(drawn: Floats) -> Interval:
    """Return the 2.5 and 97.5 percentile of figures that were drawn, where they are numbers."""
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return float(low), float(high)


class Figures(NamedTuple):
    """What is measured of predictions, and the interval of each figure."""

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
        mse (squared rating points), rmse and mae (rating points), r2 (share of the variance; left
        out where ratings are all the same),
        calibration_error (rating points: how far the mean prediction of each of GROUPS groups is
        from their mean rating, on average, less what chance adds) and, where it is given, the mean
        log_likelihood (nats).
    """
    codes = pd.factorize(user)[0]
    rating, error = rating.astype(np.float64), prediction.astype(np.float64) - rating
    columns = [np.ones(len(rating)), error**2, np.abs(error), rating, rating**2]
    columns.append(np.zeros(len(rating)) if log_likelihood is None else log_likelihood)
    sums = np.stack([np.bincount(codes, column) for column in columns], 1)
    groups = by_size(prediction, GROUPS)
    cells = np.bincount(codes * GROUPS + groups, error, minlength=len(sums) * GROUPS)
    sums = np.concatenate([sums, cells.reshape(-1, GROUPS)], 1)

    values = {name: float(value) for name, value in _figures(sums.sum(0))}
    drawn = dict(_figures(bootstrap.totals(sums)))
    ci95 = {name: percentiles(of) for name, of in drawn.items()}
    # Chance alone makes groups stray. It makes draws stray as much again, which tells how much.
    name = "calibration_error"
    twice, (low, high) = 2 * values[name], ci95[name]
    values[name] = max(0.0, twice - float(drawn[name].mean()))
    ci95[name] = max(0.0, twice - high), max(0.0, twice - low)
    missing = [name for name, value in values.items() if np.isnan(value)]
    if log_likelihood is None:
        missing.append("log_likelihood")
    for name in missing:
        del values[name], ci95[name]
    return Figures(values, ci95)


def _figures(sums: Floats) -> Iterator[tuple[str, Floats]]:
    """Turn sums [..., 6 + GROUPS] into figures [...]."""
    n, squared, absolute, rating, rating_squared, log_likelihood = np.moveaxis(sums, -1, 0)[:6]
    yield "mse", squared / n
    yield "rmse", np.sqrt(squared / n)
    yield "mae", absolute / n
    variance = rating_squared - rating**2 / n
    with np.errstate(divide="ignore", invalid="ignore"):
        yield "r2", np.where(variance > SAME * n, 1 - squared / variance, np.nan)
    yield "calibration_error", np.abs(sums[..., 6:]).sum(-1) / n
    yield "log_likelihood", log_likelihood / n


def by_size(values: Floats, groups: int) -> Ints:
    """Put values [n] into groups of equal size: int64 [n], from 0 for the lowest."""
    order = np.empty(len(values), np.int64)
    order[np.argsort(values, kind="stable")] = np.arange(len(values))
    return order * groups // max(1, len(values))


def difference(ours: Floats, theirs: Floats, user: Ints, bootstrap: Bootstrap) -> dict[str, Any]:
    """Compare errors of the same rows [n]: the paired test of "better than".

    Returns:
        ``difference`` of the means (below 0: ours are smaller), ``difference_ci95``, and whether
        ours are surely smaller (``better``): the whole interval is below 0.
    """
    apart = ours.astype(np.float64) - theirs
    low, high = bootstrap.mean(apart, user)
    return {
        "difference": float(apart.mean()),
        "difference_ci95": (low, high),
        "better": high < 0,
    }
