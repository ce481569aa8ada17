"""Errors of predictions, with intervals that respect that ratings of one user hang together."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def errors(rating: Floats, prediction: Floats) -> dict[str, float]:
    """Return mse (squared rating points), rmse and mae (rating points) of predictions [n]."""
    difference = prediction.astype(np.float64) - rating
    mse = float(np.mean(difference**2))
    return {"mse": mse, "rmse": mse**0.5, "mae": float(np.mean(np.abs(difference)))}


def interval(
    squared: Floats, user: NDArray[np.integer[Any]], resamples: int, seed: int
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of ``squared`` from a bootstrap over users.

    Args:
        squared: squared errors [n].
        user: whose rating each is [n]; whole users are drawn, with replacement.
        resamples: how many draws.
        seed: of the draws.

    Returns:
        The 2.5 and 97.5 percentiles.
    """
    codes = pd.factorize(user)[0]
    sums, counts = np.bincount(codes, squared), np.bincount(codes)
    draws = np.random.default_rng(seed)
    means = np.empty(resamples)
    for i in range(resamples):
        drawn = draws.integers(len(sums), size=len(sums))
        means[i] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def by_rating(rating: Floats, predictions: dict[str, Floats]) -> pd.DataFrame:
    """Tell where the errors are: rating, n, and the MSE of each predictor on those rows."""
    frame = pd.DataFrame({"rating": rating.astype(int)})
    squared = {name: (values - rating) ** 2 for name, values in predictions.items()}
    groups = frame.assign(n=1, **squared).groupby("rating")
    return groups.agg({"n": "sum", **dict.fromkeys(predictions, "mean")}).reset_index()


def by_prediction(rating: Floats, prediction: Floats, bins: int = 20) -> pd.DataFrame:
    """Compare predicted with true ratings in ``bins`` groups of equal size.

    Returns:
        predicted and actual (mean of each), and n, by group.
    """
    group = pd.qcut(
        pd.Series(prediction).rank(method="first"), min(bins, len(rating)), labels=False
    )
    frame = pd.DataFrame({"predicted": prediction.astype(np.float64), "actual": rating, "n": 1})
    return frame.groupby(group.to_numpy()).agg({"predicted": "mean", "actual": "mean", "n": "sum"})
