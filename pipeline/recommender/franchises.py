"""Series of titles: what comes first, what is next, and what continues a title."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Array, Ints
from pipeline.recommender.sequels import predecessors

MAIN = 0.2  # share of the raters of the best known title of a franchise that makes no extra


class Franchises:
    """The series that titles belong to, inferred from names and years.

    Titles of a franchise are in order of year, unknown years last, then of row.

    Attributes:
        predecessor: row of the title that each title is a sequel of, 0 for none: int64 [titles].
        franchise: row of the title that begins each title's chain of predecessors, its own row for
            a title without any: int64 [titles].

    Args:
        names: names of the titles by row; row 0 stands for any unknown title.
        years: when the titles began, float64 [titles], NaN where unknown.
        raters: numbers of ratings, integers [titles].
    """

    def __init__(self, names: Sequence[str | None], years: Array, raters: Ints) -> None:
        self.predecessor = predecessors(names, years)
        rows = np.arange(len(names))
        self.franchise = np.where(self.predecessor > 0, self.predecessor, rows)
        while (self.franchise != (earlier := self.franchise[self.franchise])).any():
            self.franchise = earlier
        self._position = np.empty_like(rows)
        self._position[np.argsort(years, kind="stable")] = rows
        self._grouped = np.lexsort((self._position, self.franchise))
        franchise = self.franchise[self._grouped]
        self._start = np.searchsorted(franchise, franchise)  # where each title's franchise begins
        self._starts, self._group = np.unique(self._start, return_inverse=True)
        self._raters = raters[self._grouped].astype(np.float32)

    def first_unseen(self, allowed: Array, seen: Array) -> Array:
        """Mark the first title of each franchise that is allowed and not seen.

        Extras do not come before the next season: titles with fewer than MAIN of the raters of the
        best known one that is left are passed over.

        Args:
            allowed, seen: bool [..., titles].

        Returns:
            bool [..., titles].
        """
        candidates = (allowed & ~seen)[..., self._grouped]
        raters = np.where(candidates, self._raters, 0)
        most = np.maximum.reduceat(raters, self._starts, axis=-1)[..., self._group]
        candidates &= raters >= MAIN * most
        count = np.cumsum(candidates, -1, dtype=np.int32)
        before = (count - candidates)[..., self._start]  # candidates in earlier franchises
        first = np.empty_like(candidates)
        first[..., self._grouped] = candidates & (count - before == 1)
        return first

    def others(self, rows: Ints, allowed: Array) -> Ints:
        """Count the further allowed titles of the franchise of each title: int64 [n].

        Args:
            rows: the titles [n].
            allowed: bool [titles].
        """
        count = np.bincount(self.franchise[allowed], minlength=len(allowed))
        return count[self.franchise[rows]] - allowed[rows]

    def next_in_series(self, seen: Array, allowed: Array) -> Array:
        """Mark what to watch next of each franchise of which a title is seen: bool [titles].

        This is the first allowed, unseen title whose predecessor is seen or, if there is none, the
        first after the last seen one.

        Args:
            seen, allowed: bool [titles].
        """
        follows = (self.predecessor > 0) & seen[self.predecessor]
        direct = self.first_unseen(allowed & follows, seen)
        last = np.full(len(seen), len(seen))  # position of the last seen title of a franchise
        last[self.franchise[seen]] = -1
        np.maximum.at(last, self.franchise[seen], self._position[seen])
        last[self.franchise[direct]] = len(seen)
        after = self._position > last[self.franchise]
        return direct | self.first_unseen(allowed & after, seen)

    def sequels_of(self, titles: Array) -> Array:
        """Mark what continues any of some titles, directly or through others: bool [..., titles].

        Args:
            titles: bool [..., titles].
        """
        step = self.predecessor
        found = titles[..., step] & (step > 0)
        while step.any():  # each round looks twice as far back
            found = found | found[..., step]
            step = step[step]
        return found
