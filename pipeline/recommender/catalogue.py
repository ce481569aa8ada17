"""The catalogue: what titles are called and what they are; how they are found, and filters."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array
from pipeline.errors import UserError
from pipeline.recommender.filters import PLANNED, Filters, Seen
from pipeline.recommender.franchises import Franchises
from pipeline.recommender.ids import Ids
from pipeline.recommender.listed import Listed
from pipeline.recommender.names import Match, Names


class Catalogue:
    """The titles by row of the item table; row 0 stands for any unknown title.

    Attributes:
        ids: ids of the titles.
        names, english: original and English names, text or None.
        genres: genres of each title, a list of lists.
        types: types, text or None.
        years: years in which the titles began, float64 [titles], NaN where unknown.
        raters: numbers of ratings in the training data: int64 [titles].

    Args:
        folder: the folder of ``titles.parquet`` and ``items.parquet``.
    """

    def __init__(self, folder: Path) -> None:
        table = pq.read_table(folder / "titles.parquet")
        counts = pq.read_table(folder / "items.parquet", columns=["item_count"])["item_count"]
        self.raters = counts.to_numpy().astype(np.int64)
        self.ids = Ids(table["item_id"])
        self.names, self.english, self.genres, self.types = (
            table[name].to_pylist() for name in ("title", "english", "genres", "type")
        )
        self.years = table["year"].cast("float64").to_numpy(zero_copy_only=False)
        self._names = Names(self.names, self.english, self.raters)

    def prepare(self) -> None:
        """Compute now what is otherwise computed when it is first needed."""
        _ = self.by_genre, self.by_type, self.franchises
        self._names.prepare()

    @cached_property
    def by_genre(self) -> dict[str, Array]:
        """Rows of the titles of each genre, genres in alphabetical order."""
        return _by_value(self.genres)

    @cached_property
    def by_type(self) -> dict[str, Array]:
        """Rows of the titles of each type, types in alphabetical order."""
        return _by_value([[kind] if kind else [] for kind in self.types])

    @cached_property
    def franchises(self) -> Franchises:
        """The series that the titles belong to."""
        return Franchises(self.names, self.years, self.raters)

    def search(self, query: str, number: int) -> list[int]:
        """Return the rows of the titles with the most similar names, the most similar first."""
        return self._names.search(query, number)

    def find(self, entry: Listed) -> Match:
        """Find the title of an entry: by its id if it has one, otherwise by its name.

        Raises:
            UserError: no title has this id or a similar name; the message says so.
        """
        called = f" ({entry.name.strip()[:99]})" if entry.name.strip() else ""
        if entry.anime_id:
            if row := self.ids.find(entry.anime_id):
                return Match(row)
            raise UserError(f"no title has the id {entry.anime_id.strip()[:99]!r}{called}.")
        if entry.exact:
            if match := self._names.exact(entry.name):
                return match
            raise UserError(f"it has no id, and no title is called {entry.name.strip()[:99]!r}.")
        return self._names.find(entry.name, suggest=False)

    def named(self, name: str) -> int:
        """Return the row of the title with exactly this name, 0 if there is none or several."""
        match = self._names.exact(name)
        return match.row if match and not match.said else 0

    def match(self, query: str) -> Match:
        """Find a title by what somebody typed: an id, or a name, maybe misspelled.

        ``id:86`` is the id and ``name:86`` the name where both exist.

        Raises:
            UserError: no title has this id or a similar name, or one has the id and another the
                name; the message says what to write.
        """
        kind, _, rest = query.strip().partition(":")
        if kind == "id" and (row := self.ids.find(rest)):
            return Match(row)
        by_id, by_name = self.ids.find(query), self._names.exact(query)
        if by_id and by_name and by_name.row != by_id:
            text = query.strip()
            raise UserError(
                f"{text!r} is the name of a title and the id of another, {self.name(by_id)}; "
                f"write name:{text} or id:{text}."
            )
        if by_name or by_id:
            return by_name or Match(by_id)
        if kind == "name" and (match := self._names.exact(rest)):
            return match
        if query.strip().isdecimal():  # numbers are similar to many names, and misspell none
            shown = repr(query.strip()[:99])
            raise UserError(f"no title is called {shown}, and none has this id.")
        return self._names.find(query)

    def name(self, row: int) -> str:
        """Return the name of a title, or its id if it has no name."""
        return self._names.shown[row] or f"title {self.ids.of_row[row]}"

    def describe(self, row: int) -> dict[str, Any]:
        """Return anime_id, title, type, year and genres of a title."""
        year = self.years[row]
        return {
            "anime_id": self.ids.outside(row),
            "title": self.name(row),
            "type": self.types[row],
            "year": None if np.isnan(year) else int(year),
            "genres": self.genres[row],
        }

    def matching(self, filters: Filters) -> Array:
        """Return which titles match the filters, whoever the user is: bool [titles].

        Raises:
            UserError: the filters contradict each other, or name something unknown.
        """
        required = _rows("genre", filters.genres, self.by_genre)
        excluded = _rows("genre", filters.without, self.by_genre)
        types = _rows("type", filters.types, self.by_type)
        both = set(map(str.lower, filters.genres)) & set(map(str.lower, filters.without))
        if both:
            raise UserError(f"genre {', '.join(sorted(both))}: both required and excluded.")
        first, last = filters.years
        if first is not None and last is not None and first > last:
            raise UserError(f"years: {first} is after {last}.")
        if filters.planned not in PLANNED:
            raise UserError(f"planned {filters.planned!r}: choose from {', '.join(PLANNED)}.")
        matching = self.raters >= filters.min_raters
        matching[0] = False
        for rows in required:
            matching &= self.marked(rows)
        matching &= ~self.marked(*excluded)
        if types:
            matching &= self.marked(*types)
        if first is not None:
            matching &= self.years >= first  # False where the year is unknown
        if last is not None:
            matching &= self.years <= last
        return matching

    def marked(self, *groups: Array) -> Array:
        """Return which titles are in any of the groups of rows: bool [titles]."""
        marks = np.zeros(len(self.names), bool)
        for rows in groups:
            marks[rows] = True
        return marks

    def listable(self, matching: Array, user: Seen, filters: Filters) -> Array:
        """Return which titles may be listed for a user or several users: bool [..., titles].

        Args:
            matching: what ``matching`` returns for the filters: bool [titles].
            user: what is on their lists. Without ``filters.sequels``, the predecessor of a title
                must be seen.
            filters: which titles may be listed.
        """
        allowed = matching & ~user.seen
        planned = np.zeros_like(user.seen) if user.planned is None else user.planned
        if filters.planned != "mark":
            allowed &= planned if filters.planned == "only" else ~planned
        if not filters.sequels:
            predecessor = self.franchises.predecessor
            allowed &= (predecessor == 0) | user.seen[..., predecessor]
        if not filters.dropped_sequels and user.dropped is not None:
            allowed &= ~self.franchises.sequels_of(user.dropped)
        if filters.next_in_series:
            rows = zip(np.atleast_2d(user.seen), np.atleast_2d(allowed), strict=True)
            found = [self.franchises.next_in_series(*row) for row in rows]
            allowed = np.reshape(found, allowed.shape)
        if filters.one_per_franchise:
            allowed = self.franchises.first_unseen(allowed, user.seen)
        return allowed


def _rows(what: str, values: Sequence[str], rows_of: dict[str, Array]) -> list[Array]:
    """Return the rows of each value, whatever its capitals.

    Raises:
        UserError: a value is unknown.
    """
    lower = {value.lower(): rows for value, rows in rows_of.items()}
    for value in values:
        if value.lower() not in lower:
            raise UserError(f"{what} {value!r} is unknown; choose from {', '.join(rows_of)}.")
    return [lower[value.lower()] for value in values]


def _by_value(values: Sequence[Sequence[str]]) -> dict[str, Array]:
    """Return the rows that have each value, values in alphabetical order."""
    rows_of: dict[str, list[int]] = {}
    for row, of_row in enumerate(values):
        for value in of_row:
            rows_of.setdefault(value, []).append(row)
    return {value: np.array(rows_of[value]) for value in sorted(rows_of)}


def caption(title: dict[str, Any]) -> str:
    """Write type, year and genres of a title, from ``Catalogue.describe``, in one line."""
    parts = [title["type"], title["year"], ", ".join(title["genres"])]
    return " · ".join(str(part) for part in parts if part)
