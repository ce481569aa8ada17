"""Infers from names which title is a sequel of which: MyAnimeList's files do not say."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii")
JAPANESE = ("ni", "san", "shi", "go", "roku", "shichi")  # two to seven: the end of a name
FINAL = 99  # after every other number
NUMBERS = {word: n for words in (ORDINALS, ROMAN) for n, word in enumerate(words, start=1)}
NUMBERS |= {word: n for n, word in enumerate(JAPANESE, start=2)} | {"final": FINAL}
KINDS = "season|series|stage|part|cour|movie|film|ova|ona|special"
EXTRAS = "movie|film|ova|ona|special|recap|digest|picture drama|omake|gaiden|episode|pilot|pv"
# What follows the name of the first title: " 2nd Season", ": Part II", " Movie 01: A Subtitle", ...
NUMBERED = re.compile(
    rf"(?:: | )(?:- )?(?:the )?(?:(?P<kind>{KINDS})s? )?(?P<letter>[sr](?=\d))?"
    rf"(?:(?P<digits>\d\d?)(?:st|nd|rd|th)?|(?P<word>{'|'.join((*ORDINALS, *ROMAN))}|final"
    rf"|(?:{'|'.join(JAPANESE)})(?=\W*$)))(?: (?P<unit>{KINDS})s?)?(?!\w|-\w)"
)
FIRST_EXTRA = re.compile(r"(?:: | )(?:the )?(?P<kind>movie|film|ova|ona|special)s?\b")
# What may follow any name, however short, ...
CONTINUATION = re.compile(
    rf"(: | - | (the )?({EXTRAS}|zoku|kai|encore|prologue|plus|next"
    r"|mini|short|summary|tv|dvd|extra|[rsz]|gt|dx|sp|ex|vs)s?(?!\w|[-.]\w))"
)
# ... and what may not even follow a name of several words: "Oni no Ko" and "Oni no Ko to Yuki".
CONNECTED = re.compile(r"\W?(no|to|wo|wa|ga|ni|de|e|kara|mo|na|yori|da|of|and|zhi)(?!\w)")
NAMESAKE = re.compile(r" \((?!ova|special)")  # "X (2019)" tells another title from "X"
AGAIN = re.compile(r"zoku |(shin|new) (?=\S+ )")  # before the name of the first title
DISTINCT = 8  # characters of a name so long that hardly an unrelated title begins with it
LETTERS = 3  # of names that are the same but for punctuation
LONGEST = 16  # doublings of a step, and so 2**16 steps, follow every chain to its end


class Link(NamedTuple):
    """How a title's name continues another name.

    Attributes:
        base: the other name.
        row: the title that has it, 0 for none.
        kind: season, movie, ...; empty without a number.
        number: of the season, movie, ..., 0 for none.
    """

    base: str
    row: int
    kind: str = ""
    number: int = 0


def predecessors(names: Sequence[str | None], years: Array) -> Array:
    """Infer the row of the title that each title is a sequel of, 0 for none: int64 [titles].

    "X Season 3" follows "X Season 2" or, without one, "X"; "X!!" follows "X!"; "X: Subtitle",
    "X Movie" and "X Gaiden" follow "X". None follows a title that began later.

    Args:
        names: the names by row [titles]; None for row 0 and unknown names.
        years: when the titles began, float64 [titles], NaN where unknown.
    """
    lower = [(name or "").casefold() for name in names]
    row_of = {name: row for row, name in reversed(list(enumerate(lower))) if name}
    order = np.argsort(years, kind="stable")
    found = ((int(row), _link(int(row), lower, row_of, years)) for row in order if lower[row])
    links = {row: link for row, link in found if link}
    numbered: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for row, link in links.items():
        # The first season is the base itself; another "X I" is a retelling of it.
        if link.number > (link.row > 0 and link.kind == "season"):
            numbered[link.base, link.kind].append((link.number, row))
    predecessor = np.zeros(len(names), np.int64)
    for row, link in links.items():
        earlier = [
            (number, other)
            for number, other in numbered[link.base, link.kind]
            if number < link.number and not years[other] > years[row]
        ]
        predecessor[row] = max(earlier, key=lambda pair: pair[0])[1] if earlier else link.row
    last: dict[str, int] = {}
    for row in order:
        words = " ".join(re.findall(r"\w+", lower[row]))
        if sum(map(str.isalpha, words)) >= LETTERS:
            same = lower[last.get(words, row)]
            if same != lower[row] and len(same) <= len(lower[row]):
                predecessor[row] = last[words]
            last[words] = row
    ends = predecessor
    for _ in range(LONGEST):
        ends = ends[ends]
    predecessor[ends > 0] = 0  # a chain that never ends is a circle of odd names
    return predecessor


def _link(row: int, names: Sequence[str], row_of: Mapping[str, int], years: Array) -> Link | None:
    """Find the longest name that a title's name continues, preferably one that a title has."""
    name, unnamed = names[row], None
    for base, rest in _beginnings(name):
        kind, number, certain = _number(rest)
        other = row_of.get(base, 0)
        if other and not years[other] > years[row] and (kind or _continues(base, rest)):
            return Link(base, other, kind, number)
        if certain and unnamed is None:
            unnamed = Link(re.sub(r"(:| -| the)+$", "", base), 0, kind, number)
    again = AGAIN.match(name)
    other = row_of.get(name[again.end() :], 0) if again else 0
    if other and not years[other] > years[row]:
        return Link(names[other], other)
    return unnamed


def _beginnings(name: str) -> Iterator[tuple[str, str]]:
    """Yield the beginnings of a name that end with a word or a mark, and the rest; longest first.

    A rest begins with the space after the beginning, if there is one.
    """
    for end in range(len(name) - 1, 0, -1):
        if name[end - 1] != " " and not (name[end - 1].isalnum() and name[end].isalnum()):
            yield name[:end], name[end:]


def _number(rest: str) -> tuple[str, int, bool]:
    """Read kind and number from what follows a name, and whether it can be nothing else."""
    if match := NUMBERED.match(rest):
        digits, word, letter = match["digits"], match["word"], match["letter"]
        kind = match["kind"] or match["unit"] or letter or "season"
        number = int(digits) if digits else NUMBERS[word]
        certain = bool(match["kind"] or match["unit"] or letter or match.end() < len(rest))
        return "season" if kind in ("series", "stage", "s") else kind, number, certain
    first = FIRST_EXTRA.match(rest)
    return (first["kind"], 1, False) if first else ("", 0, False)


def _continues(base: str, rest: str) -> bool:
    """Whether a name that begins with another one and goes on like this is of the same series."""
    if NAMESAKE.match(rest):
        return False
    if base[-1] == "!" or (base[-1] != ":" and CONTINUATION.match(rest)):
        return True
    words = base.split()
    distinct = len(words) > 1 and len(base) > DISTINCT
    open_end = len(words) == 2 and CONNECTED.match(words[-1])
    return distinct and not open_end and not CONNECTED.match(rest)
