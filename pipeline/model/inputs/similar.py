"""Similar titles: those that the same people rate, whatever the ratings.

The similarity is the correlation of who rated one title and who rated the other, equation (14) of
docs/model.md.
"""

import numpy as np

from pipeline.artifact.similar import Similar
from pipeline.model.inputs.together import BLOCK, Together

PSEUDO_COUNT = 10.0  # raters; titles with few raters would be similar by chance


def similar_titles(together: Together, most: int) -> Similar:
    """Find the titles most similar to each title.

    Args:
        together: the counts of people who have both of two titles.
        most: how many similar titles each title has; fewer if fewer have a similarity above 0.

    Returns:
        The similar titles, with strength 1.
    """
    counts, people, chance = together
    size = np.sqrt(counts.diagonal() + PSEUDO_COUNT)
    most = min(most, len(people) - 1)
    titles, weights = [], []
    for start in range(0, len(people), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(people)))
        similarity = counts[block] - chance * people[block, None] * people
        similarity /= size[block, None] * size
        similarity[np.arange(len(block)), block] = 0
        best = np.argpartition(-similarity, most - 1, axis=1)[:, :most]
        titles.append(best.astype(np.int32))
        weights.append(np.maximum(np.take_along_axis(similarity, best, 1), 0).astype(np.float32))
    return Similar(np.concatenate(titles), np.concatenate(weights), np.array(1, np.float32))
