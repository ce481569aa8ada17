"""An entry of the list that a person brings."""

from typing import NamedTuple

STATUSES = ("watching", "completed", "on_hold", "dropped", "planned")


class Listed(NamedTuple):
    """A title on a person's list.

    Attributes:
        title: its id or name.
        rating: the person's rating, None for none.
        status: one of STATUSES; "planned" is the only one of titles not begun.
    """

    title: str
    rating: float | None = None
    status: str = "completed"
