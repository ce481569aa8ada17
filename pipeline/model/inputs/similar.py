"""Similar titles: those that the same people rate, whatever the ratings.

The similarity is the correlation of who rated one title and who rated the other, equation (14) of
docs/model.md. It sees no rating, so it may serve to predict any.
"""

import numpy as np
from scipy import sparse

from pipeline.arrays import Array
from pipeline.artifact.similar import Similar

PSEUDO_COUNT = 10.0  # raters; titles with few raters would be similar by chance
BLOCK = 512  # titles compared with all others at a time: bounds memory


def similar_titles(user: Array, item: Array, most: int) -> Similar:
    """Find the titles most similar to each title.

    Args:
        user, item: the training rows: integers [n].
        most: how many similar titles each title has; fewer if fewer have a similarity above 0.

    Returns:
        The similar titles, with strength 1.
    """
    counts, raters = (np.bincount(side).astype(np.float64) for side in (user, item))
    n_titles = len(raters)
    rated = sparse.csr_matrix((counts[user] ** -0.25, (user, item)), dtype=np.float32)
    scale = len(user) / np.sqrt(counts).sum()  # so that weighted raters add up to all
    size = np.sqrt(scale * np.asarray(rated.power(2).sum(0))[0] + PSEUDO_COUNT)
    chance = scale * (counts**1.5).sum() / len(user) ** 2
    most = min(most, n_titles - 1)
    titles, weights = [], []
    columns = rated.tocsc()
    for start in range(0, n_titles, BLOCK):
        block = np.arange(start, min(start + BLOCK, n_titles))
        together = scale * (columns[:, block].T @ rated).toarray()
        together -= chance * raters[block, None] * raters
        similarity = together / (size[block, None] * size)
        similarity[np.arange(len(block)), block] = 0
        best = np.argpartition(-similarity, most - 1, axis=1)[:, :most]
        titles.append(best.astype(np.int32))
        weights.append(np.maximum(np.take_along_axis(similarity, best, 1), 0).astype(np.float32))
    return Similar(np.concatenate(titles), np.concatenate(weights), np.array(1, np.float32))
