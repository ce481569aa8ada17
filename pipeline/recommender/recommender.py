"""Recommends titles that a user would watch, and like."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array, Ints, highest
from pipeline.artifact.folder import load_whole
from pipeline.artifact.intervals import load_intervals
from pipeline.errors import UserError
from pipeline.recommender.blas import ONE_THREAD
from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.details import Details
from pipeline.recommender.filters import Filters, Seen
from pipeline.recommender.ids import Ids
from pipeline.recommender.listed import Brought, Listed
from pipeline.recommender.lists import CANDIDATES, Order, load_lists
from pipeline.recommender.newcomers import find, place
from pipeline.recommender.person import OnList, Person, told
from pipeline.recommender.reasons import Reasons
from pipeline.recommender.scorer import Scorer
from pipeline.recommender.user_lists import UserLists
from pipeline.recommender.user_names import user_row
from pipeline.recommender.variety import diverse

NO_FILTERS, BEST = Filters(), Order()
POOL = 10  # candidates per listed title, from which diversity or an interval chooses


class Recommender:
    """The model, the catalogue and the users' ratings.

    Attributes:
        scorer: what would they rate it.
        lists: would they watch it, and both together.
        catalogue: the titles.
        users: ids of the users.
        on_lists: what they have on their lists.

    Raises:
        UserError: ``folder`` holds no model, or a file of it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        load_whole(folder, lambda: self._load(folder))

    def _load(self, folder: Path) -> None:
        self.scorer = Scorer(folder)
        self.lists = load_lists(folder, self.scorer)
        self.catalogue = Catalogue(folder)
        users = pq.read_table(folder / "users.parquet", columns=["user_id", "name", "user_count"])
        self.users = Ids(users["user_id"])
        self._names = users["name"]
        self.on_lists = UserLists(folder, self.scorer.n_titles)
        self.reasons = Reasons(folder, self.scorer, self.lists.watching, self.catalogue)
        counts, stored = users["user_count"].to_numpy(), load_intervals(folder)
        self.details = Details(self.lists, self.catalogue, stored, counts)

    def user(self, query: str, names: bool = True) -> Person:
        """Find a user of the data by id or name.

        Args:
            query: the id or the name; ``id:86`` or ``name:86`` where it could be both. Capital
                letters count only if there are users whose names differ in nothing else.
            names: whether it may be a name.

        Raises:
            UserError: no user has this id or name, or several may be meant.
        """
        row = user_row(self.users, self._names, query) if names else self.users.find(query)
        if not row:
            raise UserError(
                f"no user has the id or name {query[:99]!r}. For somebody who is not in the data, "
                "bring their ratings."
            )
        _, item, rating = self.on_lists.ratings(row, row)
        _, watched = self.on_lists.watched(row, row)
        return Person(self.scorer.taste(row), item, rating, also=OnList(watched))

    def outlook(self, user_id: Array, anime_id: Array) -> dict[str, Array]:
        """Predict pairs of ids [n], unknown ones as average, and say how sure the model is.

        Returns:
            The columns of ``Details.columns``.
        """
        user, item = self.users.rows(user_id), self.catalogue.ids.rows(anime_id)
        return self.details.columns(user, item)

    def newcomer(self, listed: Sequence[Listed]) -> Person:
        """Fold in a new user with this list.

        Raises:
            UserError: as ``find`` does.
        """
        entries = find(self.catalogue, Brought(tuple(listed))).entries
        item, rating, also = place(entries)
        return told(self.scorer, item, rating, also)

    def without(
        self, person: Person, ignore: Sequence[int] = (), least: float | None = None
    ) -> Person:
        """Take titles out of account: they say nothing of the user, and are not listed either.

        Args:
            person: the user, who is folded in anew.
            ignore: rows of these titles.
            least: titles with lower ratings too; None for none.
        """
        away = np.array(ignore, np.int64)
        if least is not None:
            away = np.union1d(away, person.item[person.rating < least])
        counts, also = ~np.isin(person.item, away), person.also
        watched, planned = (np.setdiff1d(rows, away) for rows in (also.watched, also.planned))
        ignored = np.union1d(also.ignored, away)
        also = also._replace(watched=watched, planned=planned, ignored=ignored)
        return told(self.scorer, person.item[counts], person.rating[counts], also)

    def prepare(self) -> None:
        """Compute now what is otherwise computed, by each of some threads, when it is needed."""
        self.catalogue.prepare()
        if self.scorer.explained.layout.embedding:
            _ = self._vectors

    @cached_property
    def prior_scores(self) -> Array:
        """Predictions for a new user without ratings: float32 [titles]."""
        return self.scorer.scores(told(self.scorer, np.zeros(0, int), np.zeros(0)).taste)

    def recommend(
        self,
        person: Person,
        number: int,
        filters: Filters = NO_FILTERS,
        order: Order = BEST,
        why: bool = True,
    ) -> list[dict[str, Any]]:
        """List titles, the best first.

        Args:
            person: the user.
            number: at most this many titles.
            filters: which titles may be listed.
            order: how they are ordered.
            why: whether to give reasons.

        Raises:
            UserError: no title may be listed.
        """
        allowed = self.allowed(person, filters)
        with ONE_THREAD:
            rows = self._ranked(person, allowed, number, order)
            titles = self.described(person, rows, why)
        if filters.one_per_franchise:
            every = self.allowed(person, filters._replace(one_per_franchise=False))
            more = self.catalogue.franchises.others(rows, every).tolist()
            titles = [t | {"more_in_series": n} for t, n in zip(titles, more, strict=True)]
        return titles

    def described(self, person: Person, rows: Ints, why: bool = True) -> list[dict[str, Any]]:
        """Describe titles for a user: what they are, and what the model says of them."""
        titles = self.details.of(person, rows)
        if not why:
            return titles
        score = np.array([title["prediction"] for title in titles])
        reasons = self.reasons.of(person, rows, score)
        return [title | both for title, both in zip(titles, reasons, strict=True)]

    def _ranked(self, person: Person, allowed: Array, number: int, order: Order) -> Ints:
        """Return the rows of the best titles of those that may be listed, the best first."""
        wanted = number * POOL if order.diversity else number
        if order.by == "best":
            rows = self.candidates(person, allowed, wanted, order.niche)
            value = self.values(person, rows, order.niche)
        else:
            score = self.scorer.scores(person.taste)
            rows = highest(score, np.flatnonzero(allowed), max(wanted, CANDIDATES))
            value = score[rows]
            if order.by == "sure":
                outlook = self.lists.chances.outlook(person.taste, rows)
                value = self.details.ends(person, rows, outlook)[0]
        best = highest(value, np.arange(len(rows)), wanted)
        if order.diversity:
            best = best[diverse(self._vectors[rows[best]], value[best], number, order.diversity)]
        return rows[best]

    def candidates(self, person: Person, allowed: Array, number: int, niche: float = 0.0) -> Ints:
        """Return the titles that a user is likeliest to watch, in no order: rows [n].

        Args:
            person: the user.
            allowed: which titles may be listed: bool [titles].
            number: at least this many, if so many are allowed.
            niche: as in ``Order``.
        """
        chance = self.lists.watching.chances(person.evidence) * self.lists.weights(niche)
        return highest(chance, np.flatnonzero(allowed), max(number, CANDIDATES))

    def values(self, person: Person, rows: Ints, niche: float = 0.0) -> Array:
        """(17): return the values of some titles for a user: [n]."""
        chance = self.lists.watching.chances(person.evidence)[rows]
        gain = self.lists.chances.gain(person.taste, rows)
        return self.lists.values(chance, gain, rows, niche)

    def similar(self, row: int, number: int, filters: Filters = NO_FILTERS) -> list[dict[str, Any]]:
        """List the titles with the highest cosine similarity of embeddings to the title in ``row``.

        Raises:
            UserError: the model has no embeddings, or no title may be listed.
        """
        vectors = self._vectors
        similarity = vectors @ vectors[row]
        seen = Seen(self.catalogue.marked(np.array([row])))
        others = np.flatnonzero(self._listable(seen, filters))
        return [
            self.catalogue.describe(int(other)) | {"similarity": float(similarity[other])}
            for other in highest(similarity, others, number)
        ]

    def allowed(self, person: Person, filters: Filters) -> Array:
        """Return which titles may be listed for a user: bool [titles].

        Raises:
            UserError: no title may be.
        """
        also, marked = person.also, self.catalogue.marked
        seen, planned = marked(person.evidence, also.dropped, also.ignored), marked(also.planned)
        return self._listable(Seen(seen & ~planned, marked(also.dropped), planned), filters)

    def _listable(self, seen: Seen, filters: Filters) -> Array:
        allowed = self.catalogue.listable(self.catalogue.matching(filters), seen, filters)
        if not allowed.any():
            raise UserError("no title is left that matches the filters; use fewer filters.")
        return allowed

    @cached_property
    def _vectors(self) -> Array:
        """The embeddings of each title in some draws, side by side, scaled to length 1."""
        vectors = np.concatenate(list(self.scorer.explained.embeddings), 1)
        if not vectors.shape[1]:
            raise UserError("this model has no embeddings of titles to compare.")
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
