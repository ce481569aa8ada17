"""Lists for two people: the one that leaves the less happy of both best off."""

from typing import Any

import numpy as np

from pipeline.arrays import Array, Ints
from pipeline.errors import UserError
from pipeline.recommender.filters import Filters
from pipeline.recommender.person import Person
from pipeline.recommender.recommender import NO_FILTERS, Recommender

ALSO = (  # of the second person
    "prediction", "low", "high", "liked", "watch", "grades", "why", "why_watch",
)  # fmt: skip


def recommend_both(
    recommender: Recommender,
    people: tuple[Person, Person],
    number: int,
    filters: Filters = NO_FILTERS,
    niche: float = 0.0,
) -> list[dict[str, Any]]:
    """List titles for two people who watch together, none of them on either's list.

    A title makes a person as happy as its value (17) says, divided by that of the best title for
    this person.

    Args:
        recommender: the model.
        people: both of them.
        number: at most this many titles.
        filters: which titles may be listed.
        niche: as in ``pipeline.recommender.lists.Order``.

    Returns:
        Titles as described for the first person, and ``other`` with what differs for the second.

    Raises:
        UserError: no title may be listed.
    """
    every = filters._replace(one_per_franchise=False)
    allowed = np.logical_and(*(recommender.allowed(person, every) for person in people))
    if filters.one_per_franchise:  # the first that neither has seen
        series = recommender.catalogue.franchises
        allowed = series.first_unseen(allowed, np.zeros_like(allowed))
    if not allowed.any():
        raise UserError("no title is left that neither of you has seen; use fewer filters.")
    pool = [recommender.candidates(person, allowed, number, niche) for person in people]
    rows = np.union1d(*pool)
    values = np.stack([recommender.values(person, rows, niche) for person in people])
    values /= np.maximum(values.max(1, keepdims=True), 1e-12)
    best = rows[fairest(values, number)]
    first, second = (recommender.described(person, best) for person in people)
    return [
        title | {"other": {name: other[name] for name in ALSO}}
        for title, other in zip(first, second, strict=True)
    ]


def fairest(values: Array, number: int) -> Ints:
    """Choose titles one by one so that the smaller of two sums of values is as large as possible.

    Args:
        values: how happy each title makes each of the two: [2, n].
        number: how many to choose.

    Returns:
        Places of the chosen ones: int64 [at most number].
    """
    left, total, chosen = values.copy(), np.zeros((2, 1)), list[int]()
    for _ in range(min(number, values.shape[1])):
        sums = total + left
        less = sums.min(0)
        equal = np.flatnonzero(less == less.max())
        # Of equally good ones for the less happy, the better one for both together.
        best = int(equal[sums[:, equal].sum(0).argmax()])
        chosen.append(best)
        total += values[:, [best]]
        left[:, best] = -np.inf
    return np.array(chosen, np.int64)
