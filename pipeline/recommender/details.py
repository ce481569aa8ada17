"""What the model says of titles to one user: prediction, interval, grades, chance to watch."""

from typing import Any

import numpy as np

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.intervals import Intervals
from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.grade_chances import Outlook
from pipeline.recommender.intervals import Known, interval, levels, spreads
from pipeline.recommender.lists import Lists
from pipeline.recommender.person import Person


class Details:
    """Describes titles.

    Args:
        lists: the model.
        catalogue: the titles.
        intervals: what intervals are computed from.
        user_counts: number of training ratings of each user [users].
    """

    def __init__(
        self, lists: Lists, catalogue: Catalogue, intervals: Intervals, user_counts: Ints
    ) -> None:
        self.lists, self.catalogue, self.intervals = lists, catalogue, intervals
        self.user_counts = user_counts

    def of(self, person: Person, rows: Ints) -> list[dict[str, Any]]:
        """Describe titles to a user: what they are, and what the model says of them.

        Returns:
            For each what ``Catalogue.describe`` returns, and ``prediction``; ``low`` and ``high``,
            the ends of its interval; ``liked``, the chance that the user likes it; ``watch``, the
            chance to watch it; ``grades``, the chance of each; ``planned``, whether it is.
        """
        outlook = self.lists.chances.outlook(person.taste, rows)
        low, high = self.ends(person, rows, outlook)
        chance = np.minimum(1, self.lists.watching.chances(person.evidence)[rows])
        grades = _grades(outlook.tails)
        return [
            self.catalogue.describe(int(row))
            | {
                "prediction": float(outlook.prediction[index]),
                "low": float(low[index]),
                "high": float(high[index]),
                "liked": float(outlook.tails[index, self.lists.chances.liked]),
                "watch": float(chance[index]),
                "grades": [round(float(share), 4) for share in grades[index]],
                "planned": bool(row in person.also.planned),
            }
            for index, row in enumerate(rows)
        ]

    def columns(self, user: Ints, item: Ints) -> dict[str, Array]:
        """Return what the model says of pairs.

        Args:
            user, item: rows of the two tables [n].

        Returns:
            ``prediction``, ``low``, ``high`` and ``liked``, and the chance of each grade,
            ``grade_1``, ``grade_2`` and so on on a scale from 1: float [n] each.
        """
        (prediction, tails), stored = self.lists.chances.of_pairs(user, item), self.intervals
        counts = self.user_counts[user], self.catalogue.raters[item]
        known = Known(*counts, stored.users[user], stored.titles[item])
        scale = self.lists.scorer.scale
        low, high = interval(tails, levels(stored, known), scale)
        named = zip(scale.values, _grades(tails).T, strict=True)
        columns = {"prediction": prediction, "low": low, "high": high}
        columns["liked"] = tails[:, self.lists.chances.liked]
        return columns | {f"grade_{grade:g}": share for grade, share in named}

    def ends(self, person: Person, rows: Ints, outlook: Outlook) -> tuple[Floats, Floats]:
        """(18): return the ends of the intervals of a user's ratings of some titles: [n] each."""
        stored, user = self.intervals, person.taste.user
        count, of_user = self.user_counts[user], float(stored.users[user])
        if person.residual is not None:
            count = len(person.item)
            whole = np.zeros(len(person.residual), int)
            of_user = float(spreads(whole, person.residual, 1, float(stored.mean))[0])
        counts = np.array(count), self.catalogue.raters[rows]
        known = Known(*counts, np.array(of_user), stored.titles[rows])
        return interval(outlook.tails, levels(stored, known), self.lists.scorer.scale)


def _grades(tails: Array) -> Array:
    """Return the chance of each grade, never below 0, as rounding would make it: [n, grades]."""
    return np.diff(1 - tails, axis=1, prepend=0, append=1).clip(0)
