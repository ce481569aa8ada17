"""Which titles may be listed, as a user asks for it, and what is on the user's list already."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.arrays import Array

PLANNED = ("hide", "only", "mark")


class Filters(NamedTuple):
    """Which titles may be listed; empty or None excludes nothing.

    Attributes:
        genres: a title must have all of these genres.
        without: a title must have none of these genres.
        types: a title must have one of these types, such as TV or Movie.
        years: first and last year in which a title may have begun.
        sequels: whether to list sequels of titles that the user has not seen.
        min_raters: a title must have at least this many ratings in the training data.
        next_in_series: whether to list only what comes next in series that a user has begun; for
            one user.
        one_per_franchise: whether to list only the first title of each franchise that may be.
        dropped_sequels: whether to list what continues a title that the user has dropped.
        planned: titles that the user plans to watch: "hide" them, list "only" them, or list all
            and "mark" them.
    """

    genres: Sequence[str] = ()
    without: Sequence[str] = ()
    types: Sequence[str] = ()
    years: tuple[int | None, int | None] = (None, None)
    sequels: bool = True
    min_raters: int = 0
    next_in_series: bool = False
    one_per_franchise: bool = False
    dropped_sequels: bool = False
    planned: str = "hide"


class Seen(NamedTuple):
    """What one user or several have on their lists: bool [..., titles] each.

    Attributes:
        seen: everything but what they only plan to watch.
        dropped: what they have dropped, seen too; None for nothing.
        planned: what they plan to watch; None for nothing.
    """

    seen: Array
    dropped: Array | None = None
    planned: Array | None = None
