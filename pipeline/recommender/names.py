"""Finds titles by name: the exact name first, then names that are so similar that it is a slip."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from rapidfuzz import fuzz, process, utils
from rapidfuzz.distance import OSA

from pipeline.arrays import Ints
from pipeline.errors import UserError
from pipeline.recommender.bounds import NAME

SIMILAR = 60  # similarity in per cent from which a search shows a title
SUGGESTIONS = 3
MAX_LENGTH = 200  # characters to compare: longer names would be slow, and no title has one
# Slips that still are the same name: letters that are wrong, missing, too many or swapped.
ONE_SLIP, TWO_SLIPS = 6, 12  # least characters of a name with so many slips
WORD_SLIPS = 3, 8  # least characters of a word with one slip, and with two
# What tells one season from the next: "2", "2nd", "II", "R".
NUMBERS = re.compile(r"\d+|\b(?:\w|[ivx]{2,})\b")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
Rows = dict[str, list[int]]  # of each name, most rated first


class Match(NamedTuple):
    """A title that was found.

    Attributes:
        row: its row of the item table.
        said: what must be said of how it was found; empty for the exact name of one title.
        likely: whether it was found by likeness only.
    """

    row: int
    said: str = ""
    likely: bool = False


def composed(name: str) -> str:
    """Return a name in Unicode's composed form, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def folded(name: str) -> str:
    """Return a name without the difference of small and capital letters."""
    return composed(composed(name).casefold())


def plain(name: str) -> str:
    """Return the small letters and digits of a name, without accents, signs and widths."""
    letters = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name))
    return " ".join(utils.default_process(unicodedata.normalize("NFKC", letters)).split())


class Names:
    """The names of titles.

    Attributes:
        shown: the original names, or the English ones where there is none, for messages: without
            the control characters with which a name could steer a terminal.

    Args:
        names, english: original and English names, text or None; row 0 is no title.
        raters: numbers of ratings [titles]: of titles with the same name, the most rated counts.
    """

    def __init__(
        self, names: Sequence[str | None], english: Sequence[str | None], raters: Ints
    ) -> None:
        self._columns, self._raters = (names, english), raters
        either = (one or other or "" for one, other in zip(names, english, strict=True))
        self.shown = [CONTROL.sub(" ", name) for name in either]

    def _by(self, form: Callable[[str], str], *columns: Sequence[str | None]) -> Rows:
        rows: dict[str, dict[int, None]] = defaultdict(dict)
        for column in columns:
            for row, name in enumerate(column):
                if row and name and (key := form(name)):
                    rows[key][row] = None
        order = {key: sorted(of, key=lambda row: -self._raters[row]) for key, of in rows.items()}
        return dict(order)

    @cached_property
    def _exact(self) -> list[tuple[Callable[[str], str], Rows]]:
        """Rows by name; an original name goes before the English name of another title."""
        forms = (str.strip, composed, folded)
        return [(form, self._by(form, column)) for form in forms for column in self._columns]

    @cached_property
    def _plain(self) -> Rows:
        return self._by(plain, *self._columns)

    @cached_property
    def _keys(self) -> list[str]:
        return list(self._plain)

    @cached_property
    def _by_length(self) -> tuple[list[int], list[str]]:
        """The plain names, the shortest first, and their lengths."""
        keys = sorted(self._keys, key=len)
        return [len(key) for key in keys], keys

    def prepare(self) -> None:
        """Compute now what is otherwise computed when it is first needed."""
        _ = self._exact, self._by_length

    def exact(self, name: str) -> Match | None:
        """Find a title by its exact name, or one that differs in capital letters and spaces."""
        if len(name) > NAME:
            return None
        for form, rows in self._exact:
            if found := rows.get(form(name)):
                if len(found) == 1:
                    return Match(found[0])
                said = (
                    f"{name.strip()!r} is the name of {len(found)} titles; read as the most rated"
                )
                return Match(found[0], said)
        return None

    def find(self, name: str, suggest: bool = True) -> Match:
        """Find a title by its exact name, or else by likeness: the same but for signs, or slips.

        Args:
            name: what somebody wrote.
            suggest: whether the error suggests names, which takes long for many.

        Raises:
            UserError: no title has this name or one like it, or several have equally similar ones.
        """
        if match := self.exact(name):
            return match
        shown = repr(name.strip()[:MAX_LENGTH])
        rows = self._like(name) if len(name) <= MAX_LENGTH else []
        if len(rows) == 1:
            return Match(rows[0], f"{shown} read as {self.shown[rows[0]]}", likely=True)
        if rows:
            several = "; ".join(self.shown[row] for row in rows[:SUGGESTIONS])
            raise UserError(
                f"no title is called {shown}, and these are equally similar: {several}."
            )
        found = self.search(name, SUGGESTIONS, 0) if suggest else []
        similar = "; ".join(self.shown[row] for row in found)
        advice = f"; the most similar names are {similar}" if similar else ""
        raise UserError(f"no title is called {shown}{advice}.")

    def _like(self, name: str) -> list[int]:
        """Return the rows of the titles whose names are the most similar, if it is a slip."""
        query = plain(name)
        nearest = {query: 0.0} if query in self._plain else self._slips(query)
        least = min(nearest.values(), default=0)
        rows = dict.fromkeys(
            row for key, slips in nearest.items() if slips == least for row in self._plain[key]
        )
        return self._closest(folded(name), list(rows))

    def _slips(self, query: str) -> dict[str, float]:
        """Return the plain names that a name may be a slip of, and the number of slips."""
        most = (len(query) >= ONE_SLIP) + (len(query) >= TWO_SLIPS)
        if not most:
            return {}
        lengths, keys = self._by_length
        near = slice(
            bisect_left(lengths, len(query) - most), bisect_right(lengths, len(query) + most)
        )
        found = process.extract(
            query, keys[near], scorer=OSA.distance, score_cutoff=most, limit=None
        )
        return {key: slips for key, slips, _ in found if _same_words(query, key)}

    def _closest(self, name: str, rows: list[int]) -> list[int]:
        """Return those of several titles whose names differ least in signs."""
        if len(rows) < 2:
            return rows
        slips = [
            min(OSA.distance(name, folded(column[row] or "")) for column in self._columns)
            for row in rows
        ]
        return [row for row, count in zip(rows, slips, strict=True) if count == min(slips)]

    def search(self, query: str, number: int, least: float = SIMILAR) -> list[int]:
        """Return the rows of the titles with the most similar names, the most similar first.

        Args:
            query: what somebody typed.
            number: at most so many titles.
            least: similarity in per cent that they have at least.
        """
        processed = plain(query[:MAX_LENGTH])
        # A title may match by both of its names.
        keys = self._keys if processed else []
        found = process.extract(processed, keys, scorer=fuzz.WRatio, limit=4 * number)
        similar = [row for key, score, _ in found if score >= least for row in self._plain[key]]
        exact = self.exact(query)
        return list(dict.fromkeys([*([exact.row] if exact else []), *similar]))[:number]


def _same_words(one: str, other: str) -> bool:
    """Whether two plain names have the same numbers, and word by word only slips between them."""
    if NUMBERS.findall(one) != NUMBERS.findall(other):
        return False
    words = one.split(), other.split()
    if "".join(words[0]) == "".join(words[1]):  # only spaces differ
        return True
    return len(words[0]) == len(words[1]) and all(map(_slip, *words))


def _slip(word: str, other: str) -> bool:
    least = min(len(word), len(other))
    return OSA.distance(word, other) <= sum(least >= length for length in WORD_SLIPS)
