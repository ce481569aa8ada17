"""The catalogue in words: titles found by name or id, and chosen by what they are."""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from rapidfuzz import fuzz, process, utils

from pipeline.arrays import Array
from pipeline.errors import UserError
from pipeline.recommender.ids import Ids

ALIKE, SIMILAR = 75, 60  # per cent: less than that is another title; not worth a look
SUGGESTED = 3
LONGEST = 200  # letters that are compared: more take long, and no title has them
# What follows the name of a title in that of one that goes on with it.
GOES_ON = re.compile(
    r"\s*([:.!'°(-]|(the |\d+(st|nd|rd|th) )?(final|season|part|cour|movie|ova|ona|special|recap)"
    r"|\d|i{2,3}\b|iv\b|v\b|r\d|s\d|picture drama|nd\b)",
    re.IGNORECASE,
)


class Rated(NamedTuple):
    """A title, by id or name, and the rating it was given."""

    title: str
    rating: float


class Wanted(NamedTuple):
    """What titles are asked for; None, or nothing, for any.

    Attributes:
        genres: all of which a title must have.
        without: genres none of which it may have.
        types: such as TV or Movie, one of which it must be.
        years: first and last year of its start.
        sequels: whether titles that go on with one that was not rated are wanted too.
    """

    genres: Sequence[str] = ()
    without: Sequence[str] = ()
    types: Sequence[str] = ()
    years: tuple[int | None, int | None] = (None, None)
    sequels: bool = True


class Catalogue:
    """Titles by row of the item table.

    Attributes:
        ids: of the titles.
        names, english: lists of text or None.
        genres: lists of lists.
        types: list of text or None.
        years: float64 [titles], NaN where unknown.
    """

    def __init__(self, path: Path) -> None:
        table = pq.read_table(path)
        self.ids = Ids(table["item_id"].fill_null(-1).to_numpy())
        self.names, self.english, self.genres, self.types = (
            table[name].to_pylist() for name in ("title", "english", "genres", "type")
        )
        self.years = table["year"].cast("float64").to_numpy(zero_copy_only=False)
        self._choices: dict[str, int] = {}
        for names in (self.english, self.names):  # of two titles with a name, the original counts
            for row in range(len(names) - 1, 0, -1):
                if names[row]:
                    self._choices[utils.default_process(names[row])] = row
        self._names = list(self._choices)

    @cached_property
    def by_genre(self) -> dict[str, Array]:
        """The rows of the titles of each genre, in the order of the alphabet."""
        return _by_value(self.genres)

    @cached_property
    def by_type(self) -> dict[str, Array]:
        """The same of each type."""
        return _by_value([[kind] if kind else [] for kind in self.types])

    @cached_property
    def before(self) -> Array:
        """The row of the title that each title goes on with, 0 for none: int64 [titles].

        MyAnimeList's files do not tell; it is taken from names: "X Season 2" goes on with "X",
        where X began no later.
        """
        first = {name: row for row, name in reversed(list(enumerate(self.names))) if name}
        found = np.zeros(len(self.names), np.int64)
        for row, name in enumerate(self.names):
            ends = [i for i in range(2, len(name or "")) if GOES_ON.match(name, i)]
            rows = (first.get(name[:end].rstrip(), 0) for end in reversed(ends))
            found[row] = next((r for r in rows if r and not self.years[r] > self.years[row]), 0)
        return found

    def search(self, typed: str, number: int) -> list[int]:
        """Return the rows of titles whose names are most like what was typed, the nearest first."""
        near = self._nearest(typed, 4 * number)
        rows = [self._choices[name] for name, score, _ in near if score >= SIMILAR]
        return list(dict.fromkeys(rows))[:number]

    def _nearest(self, typed: str, number: int) -> list[tuple[str, float, int]]:
        asked = utils.default_process(typed[:LONGEST])
        return process.extract(asked, self._names, scorer=fuzz.WRatio, limit=number)

    def row(self, asked: str) -> int:
        """Find a title by its id, or by its name or English name, however it is typed.

        A number is an id, or the very name: no other name is near to one.

        Raises:
            UserError: there is none like it; the message names the nearest ones.
        """
        if row := self.ids.find(asked.strip()):
            return row
        typed = utils.default_process(asked)
        if typed in self._choices:
            return self._choices[typed]
        if typed.isdecimal():
            raise UserError(f"no title is called {asked[:LONGEST]!r}, and none has it for an id.")
        near = self._nearest(asked, SUGGESTED)
        if near and near[0][1] >= ALIKE and typed:
            return self._choices[near[0][0]]
        names = "; ".join(str(self.name(self._choices[name])) for name, _, _ in near)
        raise UserError(f"no title is called {asked[:LONGEST]!r}; the nearest are {names}.")

    def name(self, row: int) -> str:
        """Return what a title is called, or its id."""
        return self.names[row] or self.english[row] or f"title {self.ids.of_row[row]}"

    def chosen(self, wanted: Wanted) -> Array:
        """Say which titles are as wanted: bool [titles].

        Raises:
            UserError: nothing can be as wanted, or a genre or type is unknown.
        """
        have, lack = (_rows("genre", own, self.by_genre) for own in (wanted.genres, wanted.without))
        kinds = _rows("type", wanted.types, self.by_type)
        both = set(map(str.lower, wanted.genres)) & set(map(str.lower, wanted.without))
        if both:
            raise UserError(f"genre {', '.join(sorted(both))}: both wanted and not wanted.")
        first, last = wanted.years
        if first is not None and last is not None and first > last:
            raise UserError(f"years: {first} is after {last}.")
        good = np.ones(len(self.names), bool)
        good[0] = False
        for rows in have:
            good &= self._marked([rows])
        good &= ~self._marked(lack)
        if kinds:
            good &= self._marked(kinds)
        if first is not None:
            good &= self.years >= first  # a year that is not known is not as wanted
        if last is not None:
            good &= self.years <= last
        return good

    def _marked(self, rows: Sequence[Array]) -> Array:
        marks = np.zeros(len(self.names), bool)
        for some in rows:
            marks[some] = True
        return marks

    def unseen(self, good: Array, seen: Array, wanted: Wanted) -> Array:
        """Say which titles are good for users: bool [..., titles].

        Args:
            good: which are as wanted: bool [titles].
            seen: which were rated by each user: bool [..., titles].
            wanted: whether sequels of others are wanted.
        """
        if wanted.sequels:
            return good & ~seen
        return good & ~seen & ((self.before == 0) | seen[..., self.before])


def _rows(what: str, asked: Sequence[str], known: dict[str, Array]) -> list[Array]:
    """Return the rows of each value asked for, however it is capitalised.

    Raises:
        UserError: there is no such value.
    """
    lower = {value.lower(): rows for value, rows in known.items()}
    for value in asked:
        if value.lower() not in lower:
            raise UserError(f"{what} {value!r} is unknown; one of {', '.join(known)}.")
    return [lower[value.lower()] for value in asked]


def _by_value(values: Sequence[Sequence[str]]) -> dict[str, Array]:
    found: dict[str, list[int]] = {}
    for row, own in enumerate(values):
        for value in own:
            found.setdefault(value, []).append(row)
    return {value: np.array(found[value]) for value in sorted(found)}


def about(title: dict[str, Any]) -> str:
    """Tell what a title is, as ``Recommender.described`` does, in a line."""
    parts = [title["type"], title["year"], ", ".join(title["genres"])]
    return " · ".join(str(part) for part in parts if part)
