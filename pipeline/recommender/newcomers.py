"""What a person's own list says, in rows of the item table, and what was understood of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Floats, Ints
from pipeline.errors import UserError
from pipeline.recommender.bounds import Work, check_entries
from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.listed import Brought, Listed
from pipeline.recommender.person import OnList

SHOWN = 3  # of each kind, then "and 12 more"
OTHER_SITE = 3  # ids of other titles than the names beside them: so many may be another site's


class Reading(NamedTuple):
    """What was understood of a list.

    Attributes:
        read: number of titles that were found.
        unrated: how many of them are there without a rating.
        likely: which names were found by likeness only, and as what.
        unknown: which entries are of no title in the catalogue.
        skipped: which entries could not be read, and why.
        notes: what was assumed.
    """

    read: int
    unrated: int = 0
    likely: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """Say it, in a sentence for each kind."""
        kinds = {
            "by likeness": self.likely,
            "not in the catalogue": self.unknown,
            "skipped": self.skipped,
        }
        told = [f"{len(said)} {kind}: {_first(said)}" for kind, said in kinds.items() if said]
        without = f", {self.unrated} without a rating" if self.unrated else ""
        titles = f"{self.read} {'title' if self.read == 1 else 'titles'} read{without}."
        return [titles, *told, *self.notes[:SHOWN], *_more(self.notes)]


class Found(NamedTuple):
    """The titles of a list.

    Attributes:
        entries: by row of the item table, each with the id that the catalogue has.
        reading: what was understood.
    """

    entries: dict[int, Listed]
    reading: Reading


def find(catalogue: Catalogue, brought: Brought, work: Work | None = None) -> Found:
    """Find the titles of a list in the catalogue; of several entries of a title the last counts.

    What is not found is left out and said: a list may have titles newer than the data.

    Args:
        catalogue: the titles.
        brought: the list.
        work: of the request; that of this list if None.

    Raises:
        UserError: the list is empty or too long, or none of its titles is in the catalogue.
    """
    work = work or Work()
    check_entries(len(brought.entries))
    entries: dict[int, Listed] = {}
    likely, unknown, disagree = list[str](), list[str](), list[str]()
    notes, agree = [*brought.notes], 0
    for entry in brought.entries:
        where = f"{entry.where}: " if entry.where else ""
        work.go_on()
        try:
            row, said, by_likeness = catalogue.find(entry)
        except UserError as error:
            unknown.append(f"{where}{error}")
            if not (entry.anime_id or entry.exact):
                work.count_search()
            continue
        if by_likeness:
            work.count_search()
        if said:
            (likely if by_likeness else notes).append(said if by_likeness else f"{where}{said}.")
        if entry.anime_id and (named := catalogue.named(entry.name)):
            agree += named == row
            if named != row:
                disagree.append(
                    f"{where}the id {entry.anime_id} is {catalogue.name(row)}, and the name that "
                    f"of another title, {entry.name.strip()[:99]}; the id counts."
                )
        # Without an id in a list of ids it is hardly the title that has the id there.
        without_id = entry.exact and not entry.anime_id
        surer = without_id and row in entries and not entries[row].exact
        if row in entries and entries[row].rating != entry.rating:
            counts = "the one with an id" if surer else "the last one"
            notes.append(f"{where}{catalogue.name(row)} is there twice; {counts} counts.")
        if surer:
            continue
        entries[row] = entry._replace(anime_id=str(catalogue.ids.of_row[row]))
    if len(disagree) >= OTHER_SITE and len(disagree) > agree:
        disagree.insert(0, f"{len(disagree)} ids are of other titles than the names beside them; "
                        "they may be ids of another site: remove their column if so.")  # fmt: skip
    if not entries:
        raise UserError(_nothing(brought, unknown))
    unrated = sum(entry.rating is None for entry in entries.values())
    read = Reading(
        len(entries), unrated, tuple(likely), tuple(unknown), brought.skipped, (*disagree, *notes)
    )
    return Found(entries, read)


def _nothing(brought: Brought, unknown: Sequence[str]) -> str:
    """Say why nothing of a list can be used."""
    if not brought.entries:
        return f"no ratings{': ' + _first(brought.skipped) if brought.skipped else '.'}"
    return f"none of the rated titles is in the catalogue: {_first(unknown)}"


def _first(said: Sequence[str]) -> str:
    """Join the first of some sentences, and count the others."""
    return " ".join([f"{one.rstrip('.')}." for one in said[:SHOWN]] + _more(said))


def _more(said: Sequence[str]) -> list[str]:
    return [f"And {len(said) - SHOWN} more."] if len(said) > SHOWN else []


def place(entries: dict[int, Listed]) -> tuple[Ints, Floats, OnList]:
    """Sort the titles of a list into what they say.

    Args:
        entries: the list, by row of the item table.

    Returns:
        Rows of the rated titles and their ratings, [n] each, and what else is on the list.
    """
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
