"""Similar titles: those that the same people rate, whatever the ratings.

The similarity is the correlation of who rated one title and who rated the other, equation (14) of
docs/model.md.
"""

import numpy as np

from pipeline.arrays import Array
from pipeline.artifact.similar import Similar
from pipeline.model.inputs.together import Together, strongest

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

    def similarity(block: Array) -> Array:
        above_chance = counts[block] - chance * people[block, None] * people
        return np.maximum(above_chance / (size[block, None] * size), 0)

    return Similar(*strongest(similarity, len(people), most), np.array(1, np.float32))
