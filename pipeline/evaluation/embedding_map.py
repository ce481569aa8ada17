"""Map of the titles: their embeddings laid out in the plane by t-SNE."""

import numpy as np
import pandas as pd
from sklearn.manifold import TSNE

from pipeline.arrays import Floats

SHOWN = 600  # titles on the map, the most rated ones
GENRES = 6  # most common genres, each with its own colour
NAMED = 40  # most rated titles, whose names are shown where there is room
NAME_SIZE = np.array([0.2, 0.025])  # width and height of a name, as shares of the picture
MIN_TITLES = 30  # fewer titles make no map


def table(vectors: Floats | None, titles: pd.DataFrame) -> pd.DataFrame:
    """Place the most rated titles by t-SNE (van der Maaten & Hinton 2008) on cosine distance.

    Args:
        vectors: embeddings of the trained titles, row 0 any other [n, k]; with None, or at most
            MIN_TITLES of them, the map is empty.
        titles: what ``segments.read_titles`` returns.

    Returns:
        x, y, genre (the rarest of the title's genres that has a colour, else other), ratings (in
        training) and name (empty where there is no room), the most rated first.
    """
    columns = ["x", "y", "genre", "ratings", "name"]
    if vectors is None or len(vectors) <= MIN_TITLES:
        return pd.DataFrame(columns=columns)
    shown = titles.iloc[1 : len(vectors)].nlargest(SHOWN, "count")
    perplexity = min(30.0, len(shown) / 4)
    tsne = TSNE(metric="cosine", perplexity=perplexity, init="pca", random_state=0)
    points = tsne.fit_transform(vectors[shown.index])
    common = shown["genre"].explode().value_counts()[:GENRES]
    main = [
        next((genre for genre in reversed(common.index) if genre in genres), "other")
        for genres in shown["genre"]
    ]
    names = shown["title"].fillna("").where(_room_for_name(points), "")
    return pd.DataFrame(
        dict(zip(columns, [*points.T, main, shown["count"], names], strict=True))
    ).reset_index(drop=True)


def _room_for_name(points: np.ndarray) -> np.ndarray:
    """Mark the points [n, 2] whose name overlaps no name before: bool [n], the first NAMED only."""
    named = np.zeros(len(points), bool)
    width, height = NAME_SIZE * np.ptp(points, axis=0)
    for index in range(min(NAMED, len(points))):
        across, up = np.abs(points[named] - points[index]).T
        named[index] = not ((across < width) & (up < height)).any()
    return named
