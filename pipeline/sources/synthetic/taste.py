"""Planted taste of a synthetic data set: who rates what, and the latent score of each rating.

    score = user bias + title bias + match + noise

The match is the dot product of a user's and a title's taste vectors. Which titles a user rates
depends on taste too: users meet titles at random, popular and matching ones sooner, and rate each
title that they meet before time 1.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.sources.synthetic import Settings

Array = NDArray[Any]

# Shares of the predictable variance; with 40 % noise they are 18, 17, 17 and 8 % of the whole.
USER_BIAS, ITEM_BIAS, LATENT, GENRE = 0.30, 0.28, 0.28, 0.14
FACTORS = 8  # dimensions of the latent part of a taste vector
PULL = 0.5  # a match m multiplies the rate at which a user meets a title by exp(PULL x m)
ACTIVITY, POPULARITY = 1.27, 2.2  # log-normal spreads of the ratings per user and per title
BUSIEST = 0.9  # largest share of the catalogue that one user is expected to rate
PAIRS = 1_000_000  # users x titles per block: 8 MB per array


def rate(rng: Generator, settings: Settings, titles: pd.DataFrame) -> pd.DataFrame:
    """Draw who rates what, no pair twice, and the latent score of each rating.

    Args:
        rng: source of all draws.
        settings: sizes and share of noise.
        titles: Genres, Type and Studios, from which part of the titles' taste vectors follows.

    Returns:
        user, item (int32, from 0), expected (the score without its noise), score (float64).
    """
    popularity = rng.lognormal(sigma=POPULARITY, size=settings.items)
    popularity /= popularity.sum()
    n_expected = expected_counts(rng, settings)
    pace = paces(n_expected, popularity)
    # Variances of titles are those over ratings: weighted by the chance to be rated.
    rated_share = -np.expm1(-np.median(pace) * popularity)
    item_bias, item_taste = title_tastes(rng, titles, popularity, rated_share)
    user_taste = rng.normal(size=(settings.users, item_taste.shape[1]))
    user_bias = rng.normal(scale=np.sqrt(USER_BIAS), size=settings.users)

    parts = []
    n_users = max(1, PAIRS // settings.items)
    for first in range(0, settings.users, n_users):
        block = slice(first, first + n_users)
        match = user_taste[block] @ item_taste.T
        rated = meetings(rng, match, popularity, pace[block], n_expected[block])
        user, item = np.divmod(np.flatnonzero(rated), settings.items)
        user += first
        score = user_bias[user] + item_bias[item] + match[rated]
        parts.append((user.astype(np.int32), item.astype(np.int32), score))
    user, item, expected = map(np.concatenate, zip(*parts, strict=True))
    expected *= np.sqrt(1 - settings.noise) / expected.std()
    score = expected + np.sqrt(settings.noise) * rng.standard_normal(len(expected))
    return pd.DataFrame({"user": user, "item": item, "expected": expected, "score": score})


def expected_counts(rng: Generator, settings: Settings) -> Array:
    """Draw the expected number of ratings of each user.

    Returns:
        float64 [users]: log-normal, clipped to 1 and BUSIEST, with the sum ``settings.ratings``.
    """
    counts = rng.lognormal(sigma=ACTIVITY, size=settings.users)
    for _ in range(100):  # clipping changes the sum, scaling breaks the limits: alternate
        counts = np.clip(counts * settings.ratings / counts.sum(), 1, BUSIEST * settings.items)
    return counts


def paces(counts: Array, popularity: Array) -> Array:
    """Find the pace at which a user of neutral taste rates ``counts`` titles on average.

    At pace v a user meets title i by time 1 with probability 1 - exp(-v x popularity[i]). Their sum
    is inverted by interpolation.

    Args:
        counts: expected numbers of ratings [users].
        popularity: shares of the titles, summing to 1 [items].

    Returns:
        float64 [users].
    """
    grid = np.geomspace(0.1, 1e4 * len(popularity), 400)
    met = [-np.expm1(-pace * popularity).sum() for pace in grid]
    return np.interp(counts, met, grid)


def title_tastes(
    rng: Generator, titles: pd.DataFrame, popularity: Array, weight: Array
) -> tuple[Array, Array]:
    """Draw the bias and the taste vector of each title.

    Args:
        rng: source of all draws.
        titles: Genres, Type and Studios.
        popularity: popular titles have a slightly higher bias [items].
        weight: weights of the titles in the variances [items].

    Returns:
        Biases, float64 [items], and taste vectors, float64 [items, FACTORS + genres]: a latent part
        from attributes and from nothing known of the title, then the genres themselves.
    """
    n = len(titles)
    liking = np.log(popularity) + 3 * rng.normal(size=n)
    bias = scaled(liking[:, None], ITEM_BIAS, weight)[:, 0]
    flags = [titles[name].str.get_dummies(", ").to_numpy(float) for name in titles]
    parts = [flag @ rng.normal(size=(flag.shape[1], FACTORS)) for flag in flags]
    parts.append(rng.normal(size=(n, FACTORS)))
    latent = scaled(np.sum([scaled(part, 1, weight) for part in parts], axis=0), LATENT, weight)
    return bias, np.hstack([latent, scaled(flags[0], GENRE, weight)])


def meetings(rng: Generator, match: Array, popularity: Array, pace: Array, counts: Array) -> Array:
    """Draw which titles a block of users meets before time 1, and so rates.

    The waiting time of a pair is exponential with rate pace x popularity x exp(PULL x match); the
    rates of a user are then scaled back to the expected count, which the match has changed.

    Args:
        rng: source of all draws.
        match: users' matches with the titles [users, items].
        popularity: shares of the titles [items].
        pace: of each user [users].
        counts: expected number of ratings of each user [users].

    Returns:
        bool [users, items]; each user meets at least one title.
    """
    rates = np.exp(PULL * match) * popularity * pace[:, None]
    expected = len(popularity) - np.exp(-rates).sum(axis=1)
    rates *= (counts / expected)[:, None]
    waiting = rng.standard_exponential(match.shape) / rates
    met = waiting < 1
    met[np.arange(len(met)), waiting.argmin(axis=1)] = True
    return met


def scaled(vectors: Array, share: float, weight: Array) -> Array:
    """Centre vectors and scale them by one factor, to a weighted mean squared norm of ``share``."""
    centred: Array = vectors - np.average(vectors, axis=0, weights=weight)
    norm: Array = np.average(np.square(centred).sum(axis=1), weights=weight)
    return centred * np.sqrt(share / norm)
