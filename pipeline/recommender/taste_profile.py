"""Taste profile: by genre and decade, how a user's predictions differ from other users'."""

import numpy as np

from pipeline.arrays import Array
from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.person import Person
from pipeline.recommender.recommender import Recommender

MAX_GENRES = 12
MIN_TITLES = 10  # the mean over fewer titles is mostly chance


def difference(recommender: Recommender, person: Person) -> Array:
    """Return a person's predictions minus those for a user without ratings, centred over titles.

    Returns:
        float32 [titles], in rating points.
    """
    points = recommender.scorer.scores(person.taste) - recommender.prior_scores
    return points - points[1:].mean()


def by_genre(catalogue: Catalogue, points: Array) -> dict[str, float]:
    """Return the mean difference over the titles of each genre, the largest first.

    Of the genres with at least MIN_TITLES titles, the MAX_GENRES whose means are farthest from 0.
    """
    means = {
        genre: float(points[rows].mean())
        for genre, rows in catalogue.by_genre.items()
        if len(rows) >= MIN_TITLES
    }
    strongest = sorted(means, key=lambda genre: -abs(means[genre]))[:MAX_GENRES]
    return {genre: means[genre] for genre in sorted(strongest, key=lambda genre: -means[genre])}


def by_decade(catalogue: Catalogue, points: Array) -> dict[str, float]:
    """Return the mean difference over the titles that began in each decade, in order of time."""
    decade = catalogue.years // 10 * 10
    decades, count = np.unique(decade[~np.isnan(decade)], return_counts=True)
    return {f"{d:.0f}s": float(points[decade == d].mean()) for d in decades[count >= MIN_TITLES]}
