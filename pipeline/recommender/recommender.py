"""Recommends the titles with the highest predictions that a user has not rated."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.arrays import Array
from pipeline.artifact.folder import read_ratings
from pipeline.errors import UserError
from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.filters import Filters, Seen
from pipeline.recommender.ids import Ids
from pipeline.recommender.listed import Listed
from pipeline.recommender.person import Person, explained, told
from pipeline.recommender.reasons import Parts, Reasons
from pipeline.recommender.scorer import Scorer

NO_FILTERS = Filters()
MAX_TITLES = 10_000  # of one list
REASONS = 3  # per title
POOL = 10  # candidates per listed title, from which diversity chooses


def check_request(number: int, diversity: float, names: Sequence[str]) -> None:
    """Check the length of a list and its diversity.

    Args:
        number: how many titles to list.
        diversity: as in ``Recommender.recommend``.
        names: what the caller calls these two, for messages.

    Raises:
        UserError: a value is out of range.
    """
    if not 1 <= number <= MAX_TITLES:
        raise UserError(f"{names[0]} {number}: from 1 to {MAX_TITLES} is allowed.")
    if not 0 <= diversity <= 1:
        raise UserError(f"{names[1]} {diversity}: from 0 to 1 is allowed.")


class Recommender:
    """The model, the catalogue and the users' ratings.

    Attributes:
        scorer: the model.
        catalogue: the titles.
        users: ids of the users.

    Raises:
        UserError: ``folder`` holds no model.
    """

    def __init__(self, folder: Path) -> None:
        self.scorer = Scorer(folder)
        self.catalogue = Catalogue(folder)
        users = pq.read_table(folder / "users.parquet", columns=["user_id", "name"])
        self.users = Ids(users["user_id"].fill_null(-1).to_numpy())
        self._names = users["name"]
        self._ratings = read_ratings(folder, "user", "item", "rating")
        self._reasons = Reasons(folder, self.scorer.explained)

    def user(self, query: str) -> Person:
        """Find a user of the data by id or name.

        Raises:
            UserError: no user has this id or name.
        """
        row = self.users.find(query.strip()) or max(pc.index(self._names, query).as_py(), 0)
        if not row:
            raise UserError(
                f"no user has the id or name {query!r}. For somebody who is not in the data, bring "
                "their ratings."
            )
        _, item, rating = self.ratings(row, row)
        return Person(self.scorer.taste(row), item, rating)

    def predict(self, user_id: Array, anime_id: Array) -> Array:
        """Predict pairs of ids, integers [n]; unknown ids count as an average user or title.

        Returns:
            float32 [n], on the scale.
        """
        return self.scorer.predict(self.users.rows(user_id), self.catalogue.ids.rows(anime_id))

    @cached_property
    def raters(self) -> Array:
        """Rows of all users with ratings, ascending."""
        rows = np.flatnonzero(np.bincount(self._ratings[0]))
        return rows[rows > 0]  # row 0 is any unknown user

    def ratings(self, first: int, last: int) -> list[Array]:
        """Return user, item and rating of all ratings of the users in rows first to last."""
        user = self._ratings[0]
        # Bounds of another type would make searchsorted copy the whole column.
        ends = np.searchsorted(user, np.array([first, last + 1], user.dtype))
        return [column[slice(*ends)] for column in self._ratings]

    def newcomer(self, ratings: Sequence[Listed]) -> Person:
        """Fold in a new user. Unknown ids are skipped: a file may have titles newer than the data.

        Raises:
            UserError: there are no ratings, a name is unknown, or all ids are.
        """
        by_row = {}
        ratings = [entry for entry in ratings if entry.rating is not None]
        for title, value, _ in ratings:
            try:
                by_row[self.catalogue.row(title)] = value
            except UserError:
                if not title.isdecimal():
                    raise
        if not ratings:
            raise UserError("no ratings.")
        if not by_row:
            raise UserError("none of the rated titles is in the catalogue.")
        item, rating = np.array(list(by_row)), np.array(list(by_row.values()), np.float64)
        return told(self.scorer, item, rating)

    @cached_property
    def prior_scores(self) -> Array:
        """Predictions for a new user without ratings: float32 [titles]."""
        return self.scorer.scores(told(self.scorer, np.zeros(0, int), np.zeros(0)).taste)

    def recommend(
        self,
        person: Person,
        number: int,
        filters: Filters = NO_FILTERS,
        diversity: float = 0.0,
        why: bool = True,
    ) -> list[dict[str, Any]]:
        """List the titles with the highest predictions, the highest first.

        Args:
            person: the user.
            number: at most this many titles.
            filters: which titles may be listed.
            diversity: from 0, the highest predictions, to 1, titles as different from each other
                as possible (maximal marginal relevance, Carbonell & Goldstein 1998).
            why: whether to give reasons.

        Raises:
            UserError: no title may be listed.
        """
        allowed = self._allowed(person.item, filters)
        score = self.scorer.scores(person.taste)
        rows = highest(score, np.flatnonzero(allowed), number * POOL if diversity else number)
        if diversity:
            rows = self._diverse(score, rows, number, diversity)
        titles = [
            self.catalogue.describe(int(row)) | {"prediction": float(score[row])} for row in rows
        ]
        if not why:
            return titles
        posterior = person.posterior or explained(self.scorer, person)
        split = self._reasons.parts(posterior, rows, score[rows], self._similar(person, rows))
        reasons = (self._why(person, parts) for parts in split)
        return [title | {"why": named} for title, named in zip(titles, reasons, strict=True)]

    def _similar(self, person: Person, rows: Array) -> Array:
        """Return what each rated title adds to some titles as a similar one: [titles, rated]."""
        neighbours, residual = self.scorer.neighbours, person.taste.residual
        if neighbours is None or residual is None:
            return np.zeros((len(rows), len(person.item)), np.float32)
        return neighbours.parts(residual, rows, person.item)

    def _why(self, person: Person, parts: Parts) -> list[dict[str, Any]]:
        """Return the REASONS largest positive parts among crosses and rated titles."""
        named = list(parts.crosses)
        for index in highest(parts.rated, np.arange(len(parts.rated)), REASONS):
            what = f"{self.catalogue.name(person.item[index])}, rated {person.rating[index]:g}"
            named.append((what, float(parts.rated[index])))
        named.sort(key=lambda part: -part[1])
        largest = [(what, points) for what, points in named[:REASONS] if points > 0]
        return [{"what": what, "points": round(points, 3)} for what, points in largest]

    def similar(self, row: int, number: int, filters: Filters = NO_FILTERS) -> list[dict[str, Any]]:
        """List the titles with the highest cosine similarity of embeddings to the title in ``row``.

        Raises:
            UserError: the model has no embeddings, or no title may be listed.
        """
        vectors = self._vectors
        similarity = vectors @ vectors[row]
        others = np.flatnonzero(self._allowed(np.array([row]), filters))
        return [
            self.catalogue.describe(int(other)) | {"similarity": float(similarity[other])}
            for other in highest(similarity, others, number)
        ]

    def _allowed(self, item: Array, filters: Filters) -> Array:
        """Return which titles match the filters and are not in ``item``: bool [titles]."""
        seen = np.zeros(self.scorer.n_titles, bool)
        seen[item] = True
        allowed = self.catalogue.listable(self.catalogue.matching(filters), Seen(seen), filters)
        if not allowed.any():
            raise UserError("no title is left that matches the filters; use fewer filters.")
        return allowed

    @cached_property
    def _vectors(self) -> Array:
        """The embeddings of each title in all draws, side by side, scaled to length 1."""
        vectors = np.concatenate(list(self.scorer.explained.embeddings), 1)
        if not vectors.shape[1]:
            raise UserError("this model has no embeddings of titles to compare.")
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def _diverse(self, score: Array, rows: Array, number: int, diversity: float) -> Array:
        """Choose titles one by one: with a high prediction, and unlike those chosen before."""
        vectors = self._vectors[rows]
        low, high = score[rows].min(), score[rows].max()
        relevance = (score[rows] - low) / ((high - low) or 1.0)
        chosen, similarity = [0], vectors @ vectors[0]
        while len(chosen) < min(number, len(rows)):
            value = (1 - diversity) * relevance - diversity * similarity
            value[chosen] = -np.inf
            chosen.append(int(value.argmax()))
            similarity = np.maximum(similarity, vectors @ vectors[chosen[-1]])
        return rows[chosen]


def highest(score: Array, rows: Array, number: int) -> Array:
    """Return the ``number`` rows with the highest scores, the highest first."""
    if len(rows) > number:
        rows = rows[np.argpartition(-score[rows], number - 1)[:number]]
    return rows[np.argsort(-score[rows], kind="stable")]
