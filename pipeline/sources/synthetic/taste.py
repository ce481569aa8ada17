"""The planted taste of a synthetic data set: who rates what, and the score behind each rating."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.sources.synthetic import Settings

Array = NDArray[Any]

# Shares of the predictable variance: with 40 % noise they are 18, 17, 17 and 8 % of the whole.
USER_BIAS, ITEM_BIAS, LATENT, GENRE = 0.30, 0.28, 0.28, 0.14
FACTORS = 8
PULL = 0.5  # a title is met exp(PULL x match) times as soon by those whose taste it matches
ACTIVITY, POPULARITY = 1.27, 2.2  # log-normal spreads of the ratings per user and per title
BUSIEST = 0.9  # the most of the catalogue that one user rates
PAIRS = 1_000_000  # users x titles weighed at a time, 8 MB an array


def rate(rng: Generator, s: Settings, titles: pd.DataFrame) -> pd.DataFrame:
    """Draw who rates what, no pair twice, and the score behind each rating.

    Returns:
        user, item (int32, from 0), expected (the score without its noise), score (float64).
    """
    # A user meets titles at random, the popular ones sooner, and rates each that was met.
    popularity = rng.lognormal(sigma=POPULARITY, size=s.items)
    popularity /= popularity.sum()
    wanted = rng.lognormal(sigma=ACTIVITY, size=s.users)
    for _ in range(100):
        wanted = np.clip(wanted * s.ratings / wanted.sum(), 1, BUSIEST * s.items)
    paces = np.geomspace(0.1, 1e4 * s.items, 400)
    met = [-np.expm1(-each * popularity).sum() for each in paces]
    pace = np.interp(wanted, met, paces)

    seen = -np.expm1(-np.median(pace) * popularity)  # variances are those over the ratings
    liked = np.log(popularity) + 3 * rng.normal(size=s.items)  # what many know is liked, a little
    item_bias = scaled(liked[:, None], ITEM_BIAS, seen)[:, 0]
    parts = [titles[name].str.get_dummies(", ").to_numpy(float) for name in titles]
    drawn = [part @ rng.normal(size=(part.shape[1], FACTORS)) for part in parts]
    drawn.append(rng.normal(size=(s.items, FACTORS)))  # what no attribute tells
    latent = scaled(np.sum([scaled(part, 1, seen) for part in drawn], axis=0), LATENT, seen)
    item_taste = np.hstack([latent, scaled(parts[0], GENRE, seen)])
    user_taste = rng.normal(size=(s.users, item_taste.shape[1]))
    user_bias = rng.normal(scale=np.sqrt(USER_BIAS), size=s.users)

    users, items, scores = [], [], []
    rows = max(1, PAIRS // s.items)
    for first in range(0, s.users, rows):
        block = slice(first, first + rows)
        match = user_taste[block] @ item_taste.T
        rates = np.exp(PULL * match) * popularity * pace[block, None]
        expected = s.items - np.exp(-rates).sum(axis=1)
        rates *= (wanted[block] / expected)[:, None]  # the pull has moved how many are met
        clock = rng.standard_exponential(match.shape) / rates
        rated = clock < 1
        rated[np.arange(len(rated)), clock.argmin(axis=1)] = True  # everyone rates something
        user, item = np.divmod(np.flatnonzero(rated), s.items)
        users.append((first + user).astype(np.int32))
        items.append(item.astype(np.int32))
        scores.append(user_bias[first + user] + item_bias[item] + match[rated])
    user, item, expected = map(np.concatenate, (users, items, scores))
    expected *= np.sqrt(1 - s.noise) / expected.std()
    score = expected + np.sqrt(s.noise) * rng.standard_normal(len(expected))
    return pd.DataFrame({"user": user, "item": item, "expected": expected, "score": score})


def scaled(vectors: Array, share: float, weight: Array) -> Array:
    """Centre the columns and scale them alike, to a weighted mean square norm of ``share``."""
    centred: Array = vectors - np.average(vectors, axis=0, weights=weight)
    norm: Array = np.average(np.square(centred).sum(axis=1), weights=weight)
    return centred * np.sqrt(share / norm)
