"""What a person's own list says, in rows of the item table."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Floats, Ints
from pipeline.errors import UserError
from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.listed import Listed
from pipeline.recommender.person import OnList


def place(catalogue: Catalogue, listed: Sequence[Listed]) -> tuple[Ints, Floats, OnList]:
    """Find the titles of a list in the catalogue.

    Unknown ids are skipped: a list may have titles newer than the data.

    Args:
        catalogue: the titles.
        listed: the list.

    Returns:
        Rows of the rated titles and their ratings, [n] each, and what else is on the list.

    Raises:
        UserError: the list is empty, a name is unknown, or all ids are.
    """
    if not listed:
        raise UserError("no ratings.")
    entries = dict[int, Listed]()
    for entry in listed:
        try:
            entries[catalogue.row(entry.title)] = entry
        except UserError:
            if not entry.title.isdecimal():
                raise
    if not entries:
        raise UserError("none of the rated titles is in the catalogue.")
    # A score of what one only plans to watch is a hope: no evidence.
    begun = {row: entry.rating for row, entry in entries.items() if entry.status != "planned"}
    rated = {row: rating for row, rating in begun.items() if rating is not None}
    watched = [row for row, rating in begun.items() if rating is None]
    dropped, planned = (
        [row for row, entry in entries.items() if entry.status == status]
        for status in ("dropped", "planned")
    )
    also = OnList(*(np.array(rows, np.int64) for rows in (watched, dropped, planned)))
    return np.array([*rated], np.int64), np.array([*rated.values()], np.float64), also
