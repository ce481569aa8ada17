"""An entry of the list that a person brings."""

from typing import NamedTuple

STATUSES = ("watching", "completed", "on_hold", "dropped", "planned")


class Listed(NamedTuple):
    """A title on a person's list.

    Attributes:
        anime_id: its id as text, with which it is found and never otherwise; empty for none.
        rating: the person's rating, None for none.
        status: one of STATUSES; "planned" is the only one of titles not begun.
        name: its name; without an id the title is found by it.
        where: where in a file the entry is, for messages.
        exact: whether only the exact name will do: its list has ids, and here none.
    """

    anime_id: str = ""
    rating: float | None = None
    status: str = "completed"
    name: str = ""
    where: str = ""
    exact: bool = False


class Brought(NamedTuple):
    """A list as a file has it, before its titles are looked up.

    Attributes:
        entries: what could be read.
        skipped: what could not be read, each with its place and the reason.
        notes: what was assumed.
    """

    entries: tuple[Listed, ...]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
