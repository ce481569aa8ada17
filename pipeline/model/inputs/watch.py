"""Crosses of a title on the list with a candidate, for "would they watch it".

A ridge regression of each title on all others, in closed form (EASE, Steck 2019, arXiv 1905.03375),
of which each title keeps its strongest weights. Equation (15) of docs/model.md.
"""

import numpy as np
from scipy.linalg.lapack import spotrf, spotri

from pipeline.arrays import Array
from pipeline.artifact.watch import Watch
from pipeline.model.inputs.together import BLOCK, Together


def watch_crosses(together: Together, l2: float, most: int) -> Watch:
    """Regress who has each title on who has the others.

    Args:
        together: the counts of people who have both of two titles. They are overwritten: the
            inverse of a matrix of all titles takes its place, as there is no room for both.
        l2: ridge penalty, in people.
        most: how many candidates each title keeps.
    """
    matrix = together.counts
    matrix[np.diag_indices(len(matrix))] += l2
    # Symmetric, so its transpose is the same matrix in the column order that LAPACK overwrites.
    factor, failed = spotrf(matrix.T, lower=1, overwrite_a=1)
    assert not failed, "a ridge penalty makes the matrix positive definite"
    inverse, _ = spotri(factor, lower=1, overwrite_c=1)
    most = min(most, len(inverse) - 1)
    diagonal = inverse.diagonal().copy()
    titles, weights = [], []
    for start in range(0, len(inverse), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(inverse)))
        cross = -_rows(inverse, block) / diagonal
        cross[np.arange(len(block)), block] = 0
        best = np.argpartition(-np.abs(cross), most - 1, axis=1)[:, :most]
        titles.append(best.astype(np.int32))
        weights.append(np.take_along_axis(cross, best, 1))
    return Watch(np.concatenate(titles), np.concatenate(weights))


def _rows(lower: Array, block: Array) -> Array:
    """Return rows of a symmetric matrix of which only the lower triangle is filled in."""
    rows = lower[block].copy()
    later = np.arange(len(lower)) > block[:, None]
    return np.where(later, lower[:, block].T, rows)
