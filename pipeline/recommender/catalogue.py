"""The catalogue: what titles are called and what they are; search by name, and filters."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from rapidfuzz import fuzz, process, utils

from pipeline.arrays import Array
from pipeline.errors import UserError
from pipeline.recommender.filters import PLANNED, Filters, Seen
from pipeline.recommender.franchises import Franchises
from pipeline.recommender.ids import Ids

# Similarity in per cent: from SAME_TITLE a name is a misspelling of a title's name, from SIMILAR a
# search shows the title.
SAME_TITLE, SIMILAR = 75, 60
SUGGESTIONS = 3
MAX_LENGTH = 200  # characters to compare: longer names would be slow, and no title has one


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
        self._row_of: dict[str, int] = {}
        self._exact: dict[str, int] = {}  # "K-On!!" is another title than "K-On!"
        # Later entries overwrite: an original name wins over an English one, a low row over others.
        for names in (self.english, self.names):
            for row in range(len(names) - 1, 0, -1):
                if names[row]:
                    self._exact[names[row]] = row
                    self._row_of[utils.default_process(names[row])] = row
        self._processed = list(self._row_of)

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
        matches = self._most_similar(query, 4 * number)  # a title may match by both of its names
        rows = [self._row_of[name] for name, score, _ in matches if score >= SIMILAR]
        return list(dict.fromkeys(rows))[:number]

    def _most_similar(self, query: str, number: int) -> list[tuple[str, float, int]]:
        """Return (processed name, similarity in per cent, position) of the most similar names."""
        processed = utils.default_process(query[:MAX_LENGTH])
        return process.extract(processed, self._processed, scorer=fuzz.WRatio, limit=number)

    def row(self, query: str) -> int:
        """Find a title by its id, its name or its English name; misspelled names are found too.

        Raises:
            UserError: no title has this id or a similar name; the message suggests names.
        """
        if row := self.ids.find(query.strip()) or self._exact.get(query.strip(), 0):
            return row
        processed = utils.default_process(query)
        if processed in self._row_of:
            return self._row_of[processed]
        shown = repr(query[:MAX_LENGTH])
        if processed.isdecimal():  # numbers are similar to many names, and misspell none
            raise UserError(f"no title is called {shown}, and none has this id.")
        matches = self._most_similar(query, SUGGESTIONS)
        if matches and matches[0][1] >= SAME_TITLE and processed:
            return self._row_of[matches[0][0]]
        names = "; ".join(str(self.name(self._row_of[name])) for name, _, _ in matches)
        raise UserError(f"no title is called {shown}; the most similar names are {names}.")

    def name(self, row: int) -> str:
        """Return the name of a title, or its id if it has no name."""
        return self.names[row] or self.english[row] or f"title {self.ids.of_row[row]}"

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
