"""Variety: titles one by one, good and unlike those chosen before."""

import numpy as np

from pipeline.arrays import Array


def diverse(vectors: Array, score: Array, number: int, diversity: float) -> Array:
    """Choose titles by maximal marginal relevance (Carbonell & Goldstein 1998).

    Args:
        vectors: vectors of the titles, of length 1: float32 [n, k].
        score: how good the titles are, the best first [n].
        number: how many to choose.
        diversity: from 0, the best, to 1, as different from each other as possible.

    Returns:
        Places of the chosen ones: int64 [at most number].
    """
    low, high = score.min(), score.max()
    relevance = (score - low) / ((high - low) or 1.0)
    chosen, similarity = [0], vectors @ vectors[0]
    while len(chosen) < min(number, len(score)):
        value = (1 - diversity) * relevance - diversity * similarity
        value[chosen] = -np.inf
        chosen.append(int(value.argmax()))
        similarity = np.maximum(similarity, vectors @ vectors[chosen[-1]])
    return np.array(chosen)
