"""The people of a request to the service: users of the data, or newcomers who are folded in."""

from collections.abc import Iterator, Sequence
from itertools import groupby, repeat
from typing import Any, NamedTuple

import pandas as pd

from pipeline.errors import UserError
from pipeline.recommender.asked import entries_of, id_texts
from pipeline.recommender.bounds import Work
from pipeline.recommender.listed import Brought, Listed
from pipeline.recommender.newcomers import Reading, find
from pipeline.recommender.person import Person
from pipeline.recommender.recommender import Recommender

Report = dict[str, Any]  # of Reading
KNOWN: Report = {"notes": []}  # of a user of the data, who brings no list
Told = Sequence[str | tuple[Listed, ...]]  # of each row the id of a user, or the list brought


class Ignored(NamedTuple):
    """What is out of account, of all people of a request.

    Attributes:
        rows: rows of the titles.
        notes: how they were found, where that must be said.
        least: ratings below it are out of account too; None for none.
    """

    rows: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    least: float | None = None


def ignored(recommender: Recommender, params: dict[str, Any], work: Work) -> Ignored:
    """Find the titles that a request takes out of account.

    Raises:
        UserError: a title is not found, or it takes too long.
    """
    matches = []
    for title in params["ignore"]:
        work.go_on()
        matches.append(recommender.catalogue.match(str(title)))
    least = params["ignore_below"]
    return Ignored(
        tuple(match.row for match in matches),
        tuple(f"ignore: {match.said}." for match in matches if match.said),
        least if least > recommender.scorer.scale.low else None,
    )


def told(recommender: Recommender, column: pd.Series) -> Told:
    """Return what each row says of a person, in a column of ids or of lists.

    Raises:
        UserError: a value is neither; the message says in which row.
    """
    if str(column.name).endswith("user_id"):
        return id_texts(column, recommender.users)
    lists = list[tuple[Listed, ...]]()
    for row, value in enumerate(column):
        try:
            lists.append(entries_of(value, str(column.name), recommender.scorer.scale))
        except UserError as error:
            raise UserError(f"row {row}: {error}") from error
    return lists


def brought(told: Told) -> tuple[int, ...]:
    """Return how many titles are on each list that is brought; equal neighbours are one."""
    return tuple(len(one) for one, _ in groupby(told) if isinstance(one, tuple))


def people(
    recommender: Recommender, told: Told, work: Work, away: Ignored | None = None
) -> Iterator[tuple[Person, Report]]:
    """Yield the person of each row and what was understood of their list, one at a time.

    Rows that say the same one after the other are one person, who is folded in once.

    Args:
        recommender: the model.
        told: what the rows say.
        work: the work of the request.
        away: what is out of account.

    Raises:
        UserError: a row names nobody, or has no title of the catalogue; the message says which.
    """
    row = 0
    for one, same in groupby(told):
        work.go_on()
        try:
            person, report = _person(recommender, one, work)
        except UserError as error:
            raise type(error)(f"row {row}: {error}") from error
        if away and (away.rows or away.least is not None):
            person = recommender.without(person, away.rows, away.least)
            report = report | {"notes": [*report["notes"], *away.notes]}
        count = sum(1 for _ in same)
        yield from repeat((person, report), count)
        row += count


def _person(
    recommender: Recommender, one: str | tuple[Listed, ...], work: Work
) -> tuple[Person, Report]:
    if isinstance(one, str):
        return recommender.user(one, names=False), KNOWN
    found = find(recommender.catalogue, Brought(one), work)
    return recommender.newcomer([*found.entries.values()]), reported(found.reading)


def reported(reading: Reading) -> Report:
    """Return what was understood of a list as JSON has it."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in reading._asdict().items()
    }
