"""Raw files as typed tables: every cell is read by its column of pipeline/tables/schema.py."""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import ibis
import pyarrow as pa

from pipeline.errors import UserError
from pipeline.tables import schema
from pipeline.tables.dialect import rewrite
from pipeline.tables.engine import Engine, collect, count, empty
from pipeline.tables.ids import Numbered, number
from pipeline.tables.judge import IDS
from pipeline.tables.notations import Notation, notation
from pipeline.tables.raw import (
    CATALOGUE_CSV,
    COLUMNS,
    DETAILS_CSV,
    SCORES_CSV,
    Layout,
    layout,
)
from pipeline.tables.schema import MISSING, Column

KEYS = (*IDS, "rating")  # an unreadable cell in one of these rejects the row; others become null
UNREADABLE = "unreadable_"  # prefix of the columns that flag unreadable cells


class File(NamedTuple):
    """A raw file.

    Attributes:
        rows: typed columns, flags of unreadable cells, ``row`` and ``file``.
        text: the columns that the file has, every cell as text.
        assumed: what was assumed, in a few words each.
    """

    rows: ibis.Table
    text: ibis.Table
    assumed: list[str]


def raw_rows(engine: Engine, raw: Path, plain: Path, max_rejected: float) -> Numbered:
    """Read the raw files that are there, and number ids that are not their own numbers.

    Args:
        engine: computes the tables.
        raw: their folder; the file of users' details and that of the test set may be missing.
        plain: a folder for plain copies of files in other dialects.
        max_rejected: the largest share of unusable rows.

    Raises:
        UserError: as ``file_rows`` and ``pipeline.tables.ids.number`` do.
    """
    there = {name: os.path.lexists(raw / name) for name in COLUMNS}
    read = {
        name: file_rows(engine, raw / name, columns, plain)
        for name, columns in COLUMNS.items()
        if there[name] or name in (SCORES_CSV, CATALOGUE_CSV)
    }
    assumed = [f"{name}: {'; '.join(file.assumed)}" for name, file in read.items() if file.assumed]
    rows = {name: file.rows for name, file in read.items()}
    if not there[DETAILS_CSV]:
        assumed.insert(0, f"{DETAILS_CSV}: not there; users have no details")
        rows[DETAILS_CSV] = no_rows(DETAILS_CSV, COLUMNS[DETAILS_CSV])
    texts = {name: file.text for name, file in read.items()}
    found = number(engine, rows, texts, max_rejected)
    return replace(found, assumed=assumed + found.assumed)


def read_csv(engine: Engine, path: Path, found: Layout) -> ibis.Table:
    """Read a plain CSV file lazily, every cell as text: the columns that it has, by clean names."""
    text = engine.read_csv(path, [f"column{place}" for place in range(len(found.names))])
    return text.select(**{name: text[f"column{place}"] for name, place in found.places.items()})


def typed(text: ibis.Table, columns: list[Column]) -> ibis.Table:
    """Convert the text of a file to the types of its schema.

    Returns:
        Those of ``columns`` that the file has; and for each that may be null, a bool column named
        UNREADABLE + its name: the cell has text, but not a valid value.
    """
    cells = {}
    for column in columns:
        if column.name in text.columns:
            cell = text[column.name]
            cells[column.name] = column.read(cell)
            if column.name not in KEYS:
                says = cell.notnull() & ~schema.among(cell, MISSING)
                cells[UNREADABLE + column.name] = says & column.read(cell).isnull()
    return text.select(**cells)


def complete(rows: ibis.Table, columns: list[Column]) -> ibis.Table:
    """Add those of ``columns`` that the file lacks, as nulls of their type."""
    # Only the type of what is read: the null of a long expression would be computed in each query.
    absent = ibis.null("string")
    cells = {column.name: ibis.null(column.read(absent).type()) for column in columns}
    cells |= {UNREADABLE + name: ibis.literal(False) for name in cells if name not in KEYS}
    present = {name: rows[name] for name in rows.columns}
    return rows.select(**(cells | present))


def notations(engine: Engine, text: ibis.Table, columns: list[Column]) -> dict[str, Notation]:
    """Recognise how each column of lists that the file has writes them, by its clean name."""
    lists = [column.name for column in columns if column.read is schema.listed]
    words = {name: schema.text(text[name]) for name in lists if name in text.columns}
    if not words:
        return {}
    rows = collect(engine.keep(text.select(**words).distinct()))
    return {name: notation({row[name] for row in rows} - {None}) for name in words}


def with_lists(rows: ibis.Table, name: str, lists: dict[str, list[str]]) -> ibis.Table:
    """Replace the texts of a column by the lists of words that they stand for."""
    known = pa.table(
        {name: pa.array(lists, "string"), "words": pa.array(lists.values(), pa.list_(pa.string()))}
    )
    joined = rows.left_join(ibis.memtable(known), name)
    words = joined.words.fill_null(ibis.literal([], "array<string>"))
    return joined.mutate(**{name: words}).select(rows.columns)


def file_rows(engine: Engine, path: Path, columns: list[Column], plain: Path) -> File:
    """Read a raw file.

    Args:
        engine: computes the table.
        path: the file.
        columns: those of its table.
        plain: a folder for the file as a plain one, should it be in another dialect.

    Raises:
        UserError: the file is not CSV with these columns, or has no rows.
    """
    found = layout(path, columns)
    if not found.dialect.plain:
        rewrite(path, found.dialect, plain / path.name)
        path = plain / path.name
    text = read_csv(engine, path, found)
    noted = notations(engine, text, columns)
    unusual = {name: each.words for name, each in noted.items() if not each.usual}
    words_later = [
        replace(column, read=schema.text) if column.name in unusual else column
        for column in columns
    ]
    rows = engine.numbered(typed(text, words_later))
    if count(rows) == 0:
        raise UserError(f"{path.name}: no rows below the header.")
    for name, lists in unusual.items():
        rows = with_lists(rows, name, lists)
    rows = engine.keep(rows) if unusual else rows
    headers = {column.name: column.header for column in columns}
    assumed = found.assumed + [
        f"{headers[name]}: {each.told}" for name, each in noted.items() if each.told
    ]
    return File(complete(rows, columns).mutate(file=ibis.literal(path.name)), text, assumed)


def no_rows(name: str, columns: list[Column]) -> ibis.Table:
    """Return what ``file_rows`` would for a file of this name without rows."""
    rows = complete(empty(row="int64"), columns)
    return rows.mutate(file=ibis.literal(name))
