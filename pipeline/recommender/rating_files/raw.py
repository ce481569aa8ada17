"""What the formats of lists have in common: entries as text, and words for nothing."""

import re
from typing import NamedTuple

NOTHING = {"", "-", "—", "none", "null", "nan", "na", "n/a", "<na>", r"\n", "nil", "undefined"}
Range = tuple[float, float]  # lowest and highest rating


class Raw(NamedTuple):
    """An entry as a file has it: all text, empty for nothing.

    Attributes:
        where: its place in the file.
        anime_id, name, rating, status: what it says.
    """

    where: str
    anime_id: str = ""
    name: str = ""
    rating: str = ""
    status: str = ""


class Rows(NamedTuple):
    """The entries of a file.

    Attributes:
        entries: what could be read.
        skipped: what could not, each with its place and the reason.
        notes: what was assumed.
        scale: lowest and highest rating where the format says it; None where it does not.
        ids: whether the file has a column of ids.
    """

    entries: list[Raw]
    skipped: list[str]
    notes: list[str]
    scale: Range | None = None
    ids: bool = True


def text(value: object) -> str:
    """Return a cell as text, empty for nothing in any notation."""
    cell = "" if value is None or isinstance(value, dict | list) else str(value).strip()
    return "" if cell.lower() in NOTHING else cell


def name_text(value: object) -> str:
    """Return a name as text; any text is one, "None" and "-" too."""
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def id_text(value: object) -> str:
    """Return an id as text; empty for nothing, 0 and -1, which no title has."""
    cell = text(value)
    return "" if re.fullmatch(r"0|-1|0\.0+|-1\.0+", cell) else cell


def key(header: object) -> str:
    """Return the small letters and digits of a header: ``My Score`` and ``my_score`` are one."""
    return "".join(letter for letter in str(header).casefold() if letter.isalnum())
