"""Which column of a file is which column of a table, whatever its header is called exactly."""

import re

from pipeline.errors import UserError
from pipeline.tables.schema import MISSING, Column


def match(file: str, names: list[str], columns: list[Column]) -> dict[str, int]:
    """Find the columns of a table among those of a file.

    The header of the schema counts most; then the same header in other letters; then the other
    headers that the schema knows for it. Case, spaces, ``_``, ``-`` and ``.`` make no difference.

    Args:
        file: the name of the file, for the message.
        names: its headers.
        columns: the columns to find.

    Returns:
        By the clean name of each column that the file has: its place among ``names``, from 0.

    Raises:
        UserError: a column that must be there is not, or two columns may be the same one.
    """
    found: dict[str, int] = {}
    plain = [normal(name) for name in names]
    for tier in (_exact, _similar, _others):
        for column in columns:
            if column.name in found:
                continue
            wanted = tier(column)
            these = names if tier is _exact else plain
            places = [n for n, name in enumerate(these) if name in wanted]
            places = [n for n in places if n not in found.values()]
            if len(places) > 1:
                _refuse(file, column, [names[place] for place in places])
            if places:
                found[column.name] = places[0]
    for column in columns:
        if column.name not in found and not column.optional:
            raise UserError(f"{file}: no column {column.header!r}; it has {str(names)[:300]}.")
    return found


def beside(names: list[str], columns: list[Column], places: dict[str, int]) -> list[str]:
    """Say which headers are not read because another one is the better name of their column.

    Args:
        names: the headers of a file.
        columns: those of the table.
        places: what ``match`` returns for them.
    """
    return [
        f"{name!r} is not read, as {names[places[column.name]]!r} is there"
        for place, name in enumerate(names)
        if place not in places.values()
        for column in columns
        if column.name in places and normal(name) in [*_similar(column), *_others(column)]
    ]


def normal(header: str) -> str:
    """Return a header without case, spaces, ``_``, ``-`` and ``.``."""
    return re.sub(r"[\s_.-]+", "", header).casefold()


def are_numbers(cells: list[str]) -> bool:
    """Whether some cells have text that says something, and all of these are numbers."""
    told = [cell.strip() for cell in cells if cell.strip() not in MISSING]
    return bool(told) and all(re.fullmatch(r"\d+([.,]\d+)?", cell) for cell in told)


def _exact(column: Column) -> list[str]:
    return [column.header]


def _similar(column: Column) -> list[str]:
    return [normal(column.header)]


def _others(column: Column) -> list[str]:
    return [normal(name) for name in column.others]


def _refuse(file: str, column: Column, names: list[str]) -> None:
    if len(set(names)) == 1:
        raise UserError(f"{file}: column {names[0]!r} appears {len(names)} times.")
    listed = " and ".join(map(repr, names))
    raise UserError(
        f"{file}: {listed} may both be the column {column.header!r}; rename or remove one."
    )
