"""Notations of lists of words in a cell, such as ``Action|Drama`` or ``['Action', 'Drama']``.

The notation is recognised once for a column, from its distinct values, never cell by cell.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.tables.schema import MISSING

SEPARATORS = {  # what splits, by name; the first is that of Kaggle's files
    "commas and spaces": r",\s+",
    "vertical bars": r"\s*\|\s*",
    "semicolons": r"\s*;\s*",
    "commas without spaces": r",(?!\s)",
    "slashes": r"\s*/\s*",
}
JOINTS = re.compile(r"\s+(?:&|and|\+|-|\|)\s+|\s*[/;,|+&]\s*")  # what may join two words
BRACKETS = "lists in brackets"
QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
WORD = rf"""{QUOTED}|[^,'"\[\](){{}}]+"""
LIST = re.compile(rf"[\[({{]\s*(?:(?:{WORD})\s*(?:,\s*|(?=['\"])|(?=[\])}}])))*[\])}}]", re.DOTALL)


@dataclass(frozen=True)
class Notation:
    """The notation of a column.

    Attributes:
        name: a key of SEPARATORS, or BRACKETS; None if no text is understood.
        words: the list of each distinct text; it is empty where the text is not understood.
        doubt: the first text that does not fit, in the order of text; None if all fit.
        usual: whether every text is read as one of Kaggle's files.
        cases: two words that differ only in small and capital letters; None if there are none.
    """

    name: str | None
    words: dict[str, list[str]]
    doubt: str | None
    usual: bool
    cases: tuple[str, str] | None = None

    @property
    def told(self) -> str | None:
        """The notation in a few words, for people; None if there is nothing to say."""
        said = [] if self.usual and self.doubt is None else [self._read_as()]
        if self.cases:
            said.append("{!r} and {!r} are two words".format(*self.cases))
        return ", and ".join(said) or None

    def _read_as(self) -> str:
        if self.doubt is not None:
            unclear = f"unclear in {self.doubt[:60]!r}"
            return f"{self.name}, but {unclear}" if self.name else f"not understood: {unclear}"
        first = next((text for text, words in self.words.items() if len(words) > 1), None)
        return f"{self.name}" + (f", as in {first[:60]!r}" if first else "")


def notation(values: Iterable[str]) -> Notation:
    """Recognise the notation of a column from its distinct values, whatever their order.

    Args:
        values: texts without spaces around them, none of which is a spelling of a missing value.
    """
    texts = sorted(values)
    bracketed = {text: _bracketed(text) for text in texts if _is_bracketed(text)}
    bad = [text for text, words in bracketed.items() if words is None]
    having = {
        name: [text for text in texts if text not in bracketed and re.search(pattern, text)]
        for name, pattern in SEPARATORS.items()
    }
    counts = {name: len(found) for name, found in having.items()}
    usual = next(iter(SEPARATORS))
    best = max(SEPARATORS, key=lambda name: counts[name])  # of equals the first
    if best not in (usual, "vertical bars") and not _recurs(texts, SEPARATORS[best]):
        best = usual  # what looks like a separator may be part of a name: Steins;Gate
    words = {text: _clean(re.split(SEPARATORS[best], text)) for text in texts}
    words |= {text: found or [] for text, found in bracketed.items()}
    if 2 * len(bracketed) > len(texts):
        several = [text for found in having.values() for text in found]
        name = None if len(bad) == len(texts) else BRACKETS
        doubt = min(bad + several, default=None)
        return Notation(name, words, doubt, usual=False, cases=_cases(words))
    rivals = [
        text
        for name, found in having.items()
        if name != best and 10 * len(found) >= counts[best]  # a few may be names
        for text in found
    ]
    doubt = min([*bracketed, *rivals, *_joined(words)], default=None)
    plain = not bracketed and all(found == text.split(", ") for text, found in words.items())
    return Notation(best, words, doubt, usual=plain, cases=_cases(words))


def _joined(words: dict[str, list[str]]) -> list[str]:
    """Return the texts with a word that is several other words of the column in one."""
    every = {word for found in words.values() for word in found}
    several = {word for word in every if len(parts := JOINTS.split(word)) > 1 and every >= {*parts}}
    return [text for text, found in words.items() if not several.isdisjoint(found)]


def _cases(words: dict[str, list[str]]) -> tuple[str, str] | None:
    """Return the first two words that differ only in small and capital letters."""
    seen: dict[str, str] = {}
    for word in sorted({word for found in words.values() for word in found}):
        if (first := seen.setdefault(word.casefold(), word)) != word:
            return first, word
    return None


def _is_bracketed(text: str) -> bool:
    """Whether a text begins as a list in quotes does, or has brackets around it."""
    begins = re.match(r"""[\[({]\s*['"\[({]""", text)
    return bool(begins) or (text[0] in "[({" and text[-1] in "])}")


def _bracketed(text: str) -> list[str] | None:
    """Read a list as Python, JSON, NumPy or PostgreSQL writes it; None if it is none."""
    if LIST.fullmatch(text):
        return _clean(_unquoted(word) for word in re.findall(WORD, text[1:-1]))
    return _named(text)


def _unquoted(word: str) -> str:
    if word[0] == '"':
        try:
            return str(json.loads(word))
        except ValueError:
            pass
    return str(ast.literal_eval(word)) if word[0] in "'\"" else word


def _named(text: str) -> list[str] | None:
    """Read a list of objects with names: ``[{'id': 1, 'name': 'Action'}]``."""
    for read in (json.loads, ast.literal_eval):
        try:
            found: Any = read(text)
            return _clean(str(each["name"]) for each in found)
        except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
            continue
    return None


def _recurs(texts: list[str], separator: str) -> bool:
    """Whether a word occurs in several lists when they are split, as words of lists do."""
    found = Counter(word for text in texts for word in set(re.split(separator, text)))
    return any(n > 1 for n in found.values())


def _clean(words: Iterable[str]) -> list[str]:
    stripped = [re.sub(r"\s+", " ", word.strip().strip(",;|/").strip()) for word in words]
    return [word for word in stripped if word not in MISSING]
