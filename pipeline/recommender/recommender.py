"""Recommends the titles with the highest predictions that a user has not rated."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
import pyarrow.feather as feather
import pyarrow.parquet as pq

from pipeline.arrays import Array
from pipeline.artifact.folder import RATINGS
from pipeline.errors import UserError
from pipeline.recommender.catalogue import Catalogue, Rated, Wanted
from pipeline.recommender.fold_in import Learned, fold_in
from pipeline.recommender.ids import Ids
from pipeline.recommender.reasons import Parts, Reasons
from pipeline.recommender.scorer import Scorer, Taste

ANYTHING = Wanted()
REASONS = 3  # for each title
POOL = 10  # times as many titles as are asked for, among which those unlike each other are chosen


class Person(NamedTuple):
    """Somebody to recommend to.

    Attributes:
        taste: what titles are weighed with.
        item: rows of the titles that were rated [n].
        rating: how [n].
        learned: what these tell; None for a user whom the model was trained on.
    """

    taste: Taste
    item: Array
    rating: Array
    learned: Learned | None = None


class Recommender:
    """The model, the catalogue and who rated what.

    Raises:
        UserError: ``folder`` holds no model.
    """

    def __init__(self, folder: Path) -> None:
        self.scorer = Scorer(folder)
        self.catalogue = Catalogue(folder / "titles.parquet")
        users = pq.read_table(folder / "users.parquet", columns=["user_id", "name"])
        self.users = Ids(users["user_id"].fill_null(-1).to_numpy())
        self._names = users["name"]
        rated = feather.read_table(folder / RATINGS, memory_map=True)
        self._rated = [rated[name].combine_chunks().to_numpy() for name in rated.column_names]
        self._reasons = Reasons(folder, self.scorer)

    def user(self, asked: str) -> Person:
        """Find a user of the data by id or name.

        Raises:
            UserError: there is none.
        """
        row = self.users.find(asked.strip()) or max(pc.index(self._names, asked).as_py(), 0)
        if not row:
            raise UserError(
                f"no user has the id or name {asked!r}. For somebody who is not in the data, bring "
                "their ratings."
            )
        _, item, rating = self.rated(row, row)
        return Person(self.scorer.known(row), item, rating)

    def predict(self, user_id: Array, anime_id: Array) -> Array:
        """Predict pairs of ids, integers [n]; an unknown id counts as an average user or title.

        Returns:
            float32 [n], on the scale.
        """
        return self.scorer.predict(self.users.rows(user_id), self.catalogue.ids.rows(anime_id))

    @cached_property
    def raters(self) -> Array:
        """The rows of all users who rated anything."""
        return np.flatnonzero(np.bincount(self._rated[0]))

    def rated(self, first: int, last: int) -> list[Array]:
        """Return user, item and rating of the ratings of users ``first`` to ``last``."""
        user = self._rated[0]  # bounds of its type: others would make a copy of it
        ends = np.searchsorted(user, np.array([first, last + 1], user.dtype))
        return [column[slice(*ends)] for column in self._rated]

    def newcomer(self, rated: Sequence[Rated]) -> Person:
        """Work out the taste of somebody new from their ratings.

        Raises:
            UserError: there is no rating, or a title is not known by name, or none by id.
        """
        found = {}
        for title, rating in rated:
            try:
                found[self.catalogue.row(title)] = rating
            except UserError:
                if not title.isdecimal():  # a list has titles that came after the data
                    raise
        if not found:
            raise UserError(
                "none of the titles that were rated is in the catalogue."
                if rated
                else "no ratings."
            )
        item, given = np.array(list(found)), np.array(list(found.values()), np.float64)
        learned = self.learned(item, given)
        return Person(learned.taste, item, given, learned)

    def learned(self, item: Array, rating: Array, taste: Taste | None = None) -> Learned:
        """Work out what ratings tell of a user, of whom a model without draws learns nothing."""
        if self.scorer.draws:
            return fold_in(self.scorer, item, rating, taste)
        none, total = np.zeros(0, np.float32), (int(rating.sum()), len(rating))
        return Learned(taste or Taste(0, total, none, none), none, none, none)

    @cached_property
    def stranger(self) -> Array:
        """What somebody who has rated nothing is predicted to give: float32 [titles]."""
        return self.scorer.scores(self.learned(np.zeros(0, int), np.zeros(0)).taste)

    def recommend(
        self,
        person: Person,
        number: int,
        wanted: Wanted = ANYTHING,
        diversity: float = 0.0,
        why: bool = True,
    ) -> list[dict[str, Any]]:
        """List the titles with the highest predictions, the best first.

        Args:
            person: for whom.
            number: how many titles at most.
            wanted: what the titles must be.
            diversity: from 0, the highest predictions, to 1, titles that are as unlike each other
                as can be (maximal marginal relevance, Carbonell & Goldstein 1998).
            why: whether each is told with what drove it.

        Raises:
            UserError: no title is as wanted.
        """
        good = self._others(person.item, wanted)
        score = self.scorer.scores(person.taste)
        rows = highest(score, np.flatnonzero(good), number * POOL if diversity else number)
        if diversity:
            rows = self._apart(score, rows, number, diversity)
        found = [self.described(int(row)) | {"prediction": float(score[row])} for row in rows]
        if not why:
            return found
        learned = person.learned or self.learned(person.item, person.rating, person.taste)
        parts = self._reasons.parts(learned, rows, score[rows])
        told = (self._why(person, own) for own in parts)
        return [row | {"why": own} for row, own in zip(found, told, strict=True)]

    def _why(self, person: Person, parts: Parts) -> list[dict[str, Any]]:
        """Name the REASONS parts that add most, of those one can put into words."""
        named = list(parts.crosses)
        for place in highest(parts.rated, np.arange(len(parts.rated)), REASONS):
            what = f"{self.catalogue.name(person.item[place])}, rated {person.rating[place]:g}"
            named.append((what, float(parts.rated[place])))
        named.sort(key=lambda part: -part[1])
        most = [(what, points) for what, points in named[:REASONS] if points > 0]
        return [{"what": what, "points": round(points, 3)} for what, points in most]

    def similar(self, row: int, number: int, wanted: Wanted = ANYTHING) -> list[dict[str, Any]]:
        """List the titles whose embeddings point most nearly where that of ``row`` does.

        Raises:
            UserError: the model has no embeddings, or no title is as wanted.
        """
        vectors = self._vectors
        like = vectors @ vectors[row]
        others = np.flatnonzero(self._others(np.array([row]), wanted))
        return [
            self.described(int(other)) | {"similarity": float(like[other])}
            for other in highest(like, others, number)
        ]

    def _others(self, item: Array, wanted: Wanted) -> Array:
        """Say which titles are as wanted and none of the given ones: bool [titles]."""
        seen = np.zeros(self.scorer.n_titles, bool)
        seen[item] = True
        good = self.catalogue.unseen(self.catalogue.chosen(wanted), seen, wanted)
        if not good.any():
            raise UserError("no title that has not been rated is as wanted; ask for less.")
        return good

    def described(self, row: int) -> dict[str, Any]:
        """Tell what a title is."""
        titles, year = self.catalogue, self.catalogue.years[row]
        return {
            "anime_id": int(titles.ids.of_row[row]),
            "title": titles.name(row),
            "type": titles.types[row],
            "year": None if np.isnan(year) else int(year),
            "genres": titles.genres[row],
        }

    @cached_property
    def _vectors(self) -> Array:
        """Embeddings of all titles, of length 1: those of all draws side by side."""
        if not self.scorer.draws or not self.scorer.layout.embedding:
            raise UserError("this model has no embeddings of titles to compare.")
        vectors = np.concatenate(list(self.scorer.embeddings), 1)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def _apart(self, score: Array, rows: Array, number: int, diversity: float) -> Array:
        """Choose titles one by one: high in prediction, and unlike those chosen before."""
        vectors = self._vectors[rows]
        low, high = score[rows].min(), score[rows].max()
        worth = (score[rows] - low) / ((high - low) or 1.0)
        chosen, nearest = [0], vectors @ vectors[0]
        while len(chosen) < min(number, len(rows)):
            value = (1 - diversity) * worth - diversity * nearest
            value[chosen] = -np.inf
            chosen.append(int(value.argmax()))
            nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
        return rows[chosen]


def highest(score: Array, rows: Array, number: int) -> Array:
    """Return so many of the rows, those with the highest score, in its order."""
    if len(rows) > number:
        rows = rows[np.argpartition(-score[rows], number - 1)[:number]]
    return rows[np.argsort(-score[rows], kind="stable")]
