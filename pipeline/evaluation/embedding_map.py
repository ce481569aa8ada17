"""What the model has learned of titles, laid out in a plane: near to each other is liked alike."""

import numpy as np
import pandas as pd
from sklearn.manifold import TSNE

from pipeline.arrays import Floats

SHOWN = 600  # the most rated titles
GENRES = 6  # that have a colour of their own
NAMED = 40  # titles that may have a name
ROOM = np.array([0.2, 0.025])  # that a name takes up, as a share of the picture
LEAST = 30  # titles below which there is nothing to see


def table(vectors: Floats | None, titles: pd.DataFrame) -> pd.DataFrame:
    """Place the most rated titles by t-SNE (van der Maaten & Hinton 2008) on the cosine.

    Args:
        vectors: of the trained titles, row 0 any other [n, k]; None, or few of them, gives no rows.
        titles: as ``segments.read_titles`` gives them.

    Returns:
        x, y, genre (the rarest one of the title that is among the commonest; or other), ratings (in
        training) and name (that of the most rated, else empty), the most rated first.
    """
    columns = ["x", "y", "genre", "ratings", "name"]
    if vectors is None or len(vectors) <= LEAST:
        return pd.DataFrame(columns=columns)
    shown = titles.iloc[1 : len(vectors)].nlargest(SHOWN, "count")
    perplexity = min(30.0, len(shown) / 4)
    layout = TSNE(metric="cosine", perplexity=perplexity, init="pca", random_state=0)
    place = layout.fit_transform(vectors[shown.index])
    common = shown["genre"].explode().value_counts()[:GENRES]
    main = [
        next((genre for genre in reversed(common.index) if genre in own), "other")
        for own in shown["genre"]
    ]
    names = shown["title"].fillna("").where(_apart(place), "")
    return pd.DataFrame(
        dict(zip(columns, [*place.T, main, shown["count"], names], strict=True))
    ).reset_index(drop=True)


def _apart(place: np.ndarray) -> np.ndarray:
    """Say which of the first points [n, 2] can have a name: those not too near to one before."""
    named = np.zeros(len(place), bool)
    width, height = ROOM * np.ptp(place, axis=0)
    for at in range(min(NAMED, len(place))):
        across, up = np.abs(place[named] - place[at]).T
        named[at] = not ((across < width) & (up < height)).any()
    return named
