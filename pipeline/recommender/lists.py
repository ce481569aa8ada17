"""The order of a list: chance to watch × what the rating is worth (17).

Of all titles that may be listed, those with the highest chances are predicted; among these the
order is exact. Numbers in parentheses are those of the equations in docs/model.md.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse

from pipeline.arrays import Array, Ints
from pipeline.artifact.watch import Join, load_join, load_watch
from pipeline.errors import UserError
from pipeline.recommender.grade_chances import GradeChances
from pipeline.recommender.scorer import Scorer
from pipeline.recommender.watching import Watching

ORDERS = ("best", "rating", "sure")
MAX_TITLES = 10_000  # of one list
CANDIDATES = 200  # titles predicted for a list, if it is not longer


def load_lists(folder: Path, scorer: Scorer) -> "Lists":
    """Read how a model orders lists."""
    raters = pq.read_table(folder / "items.parquet", columns=["item_count"])["item_count"]
    users = pq.read_table(folder / "users.parquet", columns=["user_count"])["user_count"]
    basis = scorer.network.factors.basis
    n_users = int(np.count_nonzero(users.to_numpy()))
    watching = Watching(load_watch(folder), basis, raters.to_numpy(), n_users)
    return Lists(scorer, watching, load_join(folder), raters.to_numpy())


def indicator(pairs: Sequence[Array], shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return 1 where a title is on a user's list: float32 [users, titles].

    Args:
        pairs: user and item, rows of the two tables [n] each. Row 0 is nobody: it has no list.
        shape: number of users and of titles.
    """
    user, item = (side[pairs[0] > 0] for side in pairs)
    return sparse.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape)


class Order(NamedTuple):
    """How a list is ordered.

    Attributes:
        by: one of ORDERS. ``best``: chance to watch × what the rating is worth; ``rating``: the
            highest predictions, whether one would come across the title or not; ``sure``: the
            highest lower ends of the interval, among the highest predictions.
        niche: from -1, titles that many people know, to 1, titles that few know; 0 is the mix
            that the validation rows liked best. Only for ``best``.
        diversity: from 0, the best titles, to 1, titles as different from each other as possible
            (maximal marginal relevance, Carbonell & Goldstein 1998).
    """

    by: str = "best"
    niche: float = 0.0
    diversity: float = 0.0


def check_request(number: int, order: Order, names: Sequence[str], pair: bool = False) -> None:
    """Check the length of a list and its order.

    Args:
        number: how many titles to list.
        order: how they are ordered.
        names: what the caller calls number, diversity, niche and by, for messages.
        pair: whether the list is for two people.

    Raises:
        UserError: a value is out of range, or not for two people.
    """
    if not 1 <= number <= MAX_TITLES:
        raise UserError(f"{names[0]} {number}: from 1 to {MAX_TITLES} is allowed.")
    if not 0 <= order.diversity <= 1:
        raise UserError(f"{names[1]} {order.diversity}: from 0 to 1 is allowed.")
    if not -1 <= order.niche <= 1:
        raise UserError(f"{names[2]} {order.niche}: from -1 to 1 is allowed.")
    if order.by not in ORDERS:
        raise UserError(f"{names[3]} {order.by!r}: choose from {', '.join(ORDERS)}.")
    if order.niche and order.by != "best":
        raise UserError(f"{names[2]} is for {names[3]} best.")
    if pair and (order.diversity or order.by != "best"):
        raise UserError(
            f"{names[3]} and {names[1]} are for one user; lists for two have their own."
        )


class Shortlist(NamedTuple):
    """The titles that are likeliest to be watched, of some users.

    Attributes:
        item: their rows in the item table [users, n].
        chance: their chances, 0 where no title is left [users, n].
        gain: their expected gains [users, n].
    """

    item: Array
    chance: Array
    gain: Array


def value(
    chance: Array | float, gain: Array | float, raters: Array, join: Join, niche: float = 0.0
) -> Array:
    """(17): return the value of titles with some number of raters; all are [..., n]."""
    return chance * gain**join.gain_power * np.maximum(raters, 1) ** -(join.raters_power + niche)


class Lists:
    """Values by which lists are ordered.

    Args:
        scorer: what would they rate it.
        watching: would they watch it.
        join: how the two are joined.
        raters: number of training ratings of each title [titles].

    Attributes:
        raters: number of training ratings of each title: float32 [titles].
        chances: the distribution of ratings.
    """

    def __init__(self, scorer: Scorer, watching: Watching, join: Join, raters: Ints) -> None:
        self.scorer, self.watching, self.join = scorer, watching, join
        self.raters = raters.astype(np.float32)
        self.chances = GradeChances(scorer)

    def weights(self, niche: float = 0.0) -> Array:
        """Return what the chances are multiplied with to choose candidates: float32 [titles].

        Args:
            niche: from -1, familiar titles, to 1, titles with few raters.
        """
        return value(1.0, 1.0, self.raters, self.join, niche)

    def values(self, chance: Array, gain: Array, item: Array, niche: float = 0.0) -> Array:
        """(17): return the values of some titles; all arguments and the result are [..., n]."""
        return value(chance, gain, self.raters[item], self.join, niche)

    def unlisted(self, listed: sparse.csr_matrix) -> Array:
        """Return which trained titles are not on users' lists: bool [users, titles].

        Args:
            listed: 1 where a title is on a user's list: [users, titles].
        """
        return (self.raters > 0) & (listed.toarray() == 0)

    def shortlists(
        self,
        user: Ints,
        listed: sparse.csr_matrix,
        allowed: Array,
        number: int = CANDIDATES,
        niche: float = 0.0,
    ) -> Shortlist:
        """Shortlist titles for users of the data.

        Args:
            user: rows of the user table [users].
            listed: 1 where a title is on a user's list: float32 [users, titles].
            allowed: which titles may be listed for each user: bool [users, titles].
            number: titles on each shortlist.
            niche: as in ``Order``.
        """
        chance = np.where(allowed, self.watching.chances_all(listed), 0)
        order, number = chance * self.weights(niche), min(number, chance.shape[1])
        item = np.argpartition(-order, number - 1)[:, :number]
        return Shortlist(
            item, np.take_along_axis(chance, item, 1), self.chances.gain_pairs(user, item)
        )

    def matrix(self, user: Ints, listed: sparse.csr_matrix, allowed: Array) -> Array:
        """Return the values of all titles, 0 where they are not shortlisted: [users, titles].

        Arguments as in ``shortlists``.
        """
        found = self.shortlists(user, listed, allowed)
        values = np.zeros(allowed.shape, np.float32)
        np.put_along_axis(values, found.item, self.values(found.chance, found.gain, found.item), 1)
        return values
