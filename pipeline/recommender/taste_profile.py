"""What somebody's taste looks like: how their predictions differ from those for a stranger."""

import numpy as np

from pipeline.arrays import Array
from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.recommender import Person, Recommender

MOST = 12  # genres, those that differ most
FEW = 10  # titles of a kind: fewer tell nothing


def difference(recommender: Recommender, person: Person) -> Array:
    """Return predictions for a person less those for a stranger, less what is so of all titles.

    Returns:
        float32 [titles].
    """
    more = recommender.scorer.scores(person.taste) - recommender.stranger
    return more - more[1:].mean()


def by_genre(titles: Catalogue, more: Array) -> dict[str, float]:
    """Return the mean difference over the titles of each genre, the largest first.

    Of all genres with FEW titles or more, those MOST that are farthest from 0.
    """
    rows = {genre: of for genre, of in titles.by_genre.items() if len(of) >= FEW}
    means = {genre: float(more[of].mean()) for genre, of in rows.items()}
    most = sorted(means, key=lambda genre: -abs(means[genre]))[:MOST]
    return {genre: means[genre] for genre in sorted(most, key=lambda genre: -means[genre])}


def by_decade(titles: Catalogue, more: Array) -> dict[str, float]:
    """Return the mean difference over the titles that began in each decade, the first one first."""
    decade = titles.years // 10 * 10
    known, count = np.unique(decade[~np.isnan(decade)], return_counts=True)
    return {f"{d:.0f}s": float(more[decade == d].mean()) for d in known[count >= FEW]}
