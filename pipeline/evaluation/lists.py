"""Lists for users: the titles with the highest scores among those they have not seen."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import sparse

from pipeline.arrays import Floats, Ints

TOP = 10  # titles per list
AT_ONCE = 64  # users at a time: bounds memory

Score = Callable[[Ints, Ints], Floats]  # users [n] and titles [m] to scores [n, m]


def on_lists(user: Ints, item: Ints, shape: tuple[int, int]) -> sparse.csr_array:
    """Return 1 where a title is on a user's list: int32 [users, titles] of this shape.

    Args:
        user, item: rows of the two tables [n].
        shape: number of users and of titles.
    """
    return sparse.csr_array((np.ones(len(user), np.int32), (user, item)), shape)


def best_unseen(users: Ints, titles: Ints, seen: sparse.csr_array, score: Score) -> Ints:
    """List the TOP best of some titles for each user, without those the user has seen.

    Args:
        users: rows of the user table [n]; each has at least TOP unseen ones among the titles.
        titles: rows of the item table to choose from [m]; of equal scores, the first comes first.
        seen: 1 where a user has seen a title: [users, titles of the tables].
        score: what to rank by.

    Returns:
        Rows of the item table, best first: [n, TOP].
    """
    return np.concatenate(list(_parts(users.astype(np.int32), titles, seen, score)))


def _parts(users: Ints, titles: Ints, seen: sparse.csr_array, score: Score) -> Iterator[Ints]:
    """Yield the lists of AT_ONCE users at a time: [users, TOP]."""
    for start in range(0, len(users), AT_ONCE):
        some = users[start : start + AT_ONCE]
        values = np.where(seen[some][:, titles].toarray(), -np.inf, score(some, titles))
        yield titles[np.argsort(-values, axis=1, kind="stable")[:, :TOP]]
