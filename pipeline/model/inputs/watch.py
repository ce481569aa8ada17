"""Crosses of a title on the list with a candidate, for "would they watch it".

A ridge regression of each title on all others, in closed form (EASE, Steck 2019, arXiv 1905.03375),
of which each title keeps its strongest weights. Equation (15) of docs/model.md.
"""

from pipeline.artifact.ridge import ridge_inverse
from pipeline.artifact.watch import Watch
from pipeline.model.inputs.together import Together, strongest


def watch_crosses(together: Together, l2: float, most: int) -> Watch:
    """Regress who has each title on who has the others.

    Args:
        together: the counts of people who have both of two titles. They are overwritten: the
            inverse of a matrix of all titles takes its place, as there is no room for both.
        l2: ridge penalty, in people.
        most: how many candidates each title keeps.
    """
    inverse = ridge_inverse(together.counts, l2)
    diagonal = inverse.diagonal().copy()
    return Watch(*strongest(lambda block: -inverse[block] / diagonal, len(inverse), most))
