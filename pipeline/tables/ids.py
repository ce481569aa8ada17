"""Outside ids that are text, negative or large: numbered once, for the tables inside.

Ids of users are looked at apart from ids of titles. Where all are whole numbers from 0 to 2³¹ - 1,
each is its own number. Otherwise the distinct ids of all files are numbered from 1 in their order,
and the table ``ids`` of kind ('user' or 'item'), id (int32) and outside (text) says which is which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis
from ibis import _

from pipeline.errors import UserError
from pipeline.tables.engine import Engine, collect, count, empty
from pipeline.tables.judge import NO_ID
from pipeline.tables.raw import COLUMNS, SCORES_CSV, TEST_CSV
from pipeline.tables.schema import text, whole

Tables = dict[str, ibis.Table]  # by the name of a file
Cells = dict[str, ibis.Column]  # the same: the ids of one kind as text


@dataclass(frozen=True)
class Numbered:
    """The rows of the raw files, with int32 ids.

    Attributes:
        files: the rows of each file, by its name.
        ids: kind, id and outside of the ids that are not their own numbers.
        no_id: by id column, the reason to reject a row without this id.
        assumed: a sentence for each thing that the files themselves do not say.
    """

    files: Tables
    ids: ibis.Table
    no_id: dict[str, str]
    assumed: list[str]


def number(engine: Engine, files: Tables, texts: Tables, max_rejected: float) -> Numbered:
    """Number the ids of the kinds that need it.

    Args:
        engine: the engine of the tables.
        files: the rows of each file as ``pipeline.tables.reading.file_rows`` reads them: an id that
            is not a whole number from 0 to 2³¹ - 1 is null.
        texts: the files that are there, every cell as text.
        max_rejected: if a larger share of the ratings has an id that is no whole number, all ids of
            its kind are text; otherwise such rows have no id.

    Raises:
        UserError: ids have lost digits, or can be read in two ways.
    """
    found = Numbered(files, _no_ids(), dict(NO_ID), [])
    lacking = {name: _lacking(files[name], rows.columns) for name, rows in texts.items()}
    for key in NO_ID:
        of_kind = [name for name, rows in texts.items() if key in rows.columns]
        if any(lacking[name][key] for name in of_kind):
            cells = {name: text(texts[name][key]) for name in of_kind}
            found = _number(engine, found, key, cells, max_rejected)
    return found


def _lacking(rows: ibis.Table, columns: Sequence[str]) -> dict[str, int]:
    """Count the rows without an id of each kind that a file has."""
    keys = [key for key in NO_ID if key in columns]
    counts: dict[str, int] = collect(
        rows.aggregate(**{key: rows.count(where=rows[key].isnull()) for key in keys})
    )[0]
    return counts


def whole_number(cell: ibis.Value) -> ibis.Value:
    """Read text such as '-12', '012' or '12.0' as a whole number of any size: '-12', '12', '12'."""
    digits = cell.re_extract(r"^[+-]?0*(\d+)(?:\.0*)?$", 1).nullif("")
    signed = (cell.startswith("-") & (digits != "0")).ifelse(ibis.literal("-") + digits, digits)
    return ibis.coalesce(signed, whole(low=None)(cell).cast("string"))


def _number(
    engine: Engine, found: Numbered, key: str, cells: Cells, max_rejected: float
) -> Numbered:
    """Look closer at the ids of one kind, and number them unless they are their own numbers."""
    looks = {name: _look(name, cell) for name, cell in cells.items()}
    rated = [looks[name] for name in (SCORES_CSV, TEST_CSV) if name in looks]
    strange = sum(look["strange"] for look in rated)
    share = strange / max(1, sum(look["n"] for look in rated))
    no_id = found.no_id
    if share > max_rejected:
        _check_text(key, cells, looks, share)
        example = next(look["example"] for look in rated if look["strange"])
        assumption = (
            f"all ids are text, as {strange} of the ratings have one that is no whole number, such "
            f"as {example!r}."
        )
        no_id = no_id | {key: "no id"}
    elif any(look["beyond"] for look in looks.values()):
        cells = {name: whole_number(cell) for name, cell in cells.items()}
        below = [look["below"] for look in looks.values() if look["below"] is not None]
        assumption = f"negative numbers are ids, such as {below[0]}." if below else ""
    else:
        return found
    assumed = [f"{_header(SCORES_CSV, key)}: {assumption}"] if assumption else []
    kept = {name: engine.numbered(_column(cell)) for name, cell in cells.items()}
    ids = engine.keep(_numbers(list(kept.values())))
    files = {
        name: engine.keep(_with_numbers(rows, kept[name], ids, key)) if name in kept else rows
        for name, rows in found.files.items()
    }
    for name in kept:
        assert count(files[name]) == count(found.files[name]), f"{name}: rows were lost or doubled"
    table = ids.select(kind=ibis.literal(_kind(key)), id=ids.id, outside=ids.outside)
    return Numbered(files, found.ids.union(table), no_id, [*found.assumed, *assumed])


def _look(name: str, cell: ibis.Column) -> dict[str, Any]:
    """Count the ids of a file: all that are there, and those that are not plain whole numbers.

    Returns:
        ``n``; ``strange``: no whole numbers, and the first of them in their order as ``example``;
        ``beyond``: whole numbers that int32 or the schema do not allow; ``below``: a negative one.

    Raises:
        UserError: ids have lost digits.
    """
    ids = _column(cell)
    ids = ids.mutate(number=whole_number(ids.outside), plain=whole()(ids.outside))
    strange = ids.outside.notnull() & ids.number.isnull()
    rounded = strange & ids.outside.re_search(r"^[+-]?\d(\.\d+)?[eE]\+\d+$")
    look = collect(
        ids.aggregate(
            n=ids.outside.count(),
            strange=ids.count(where=strange),
            example=ids.outside.min(where=strange),
            beyond=ids.count(where=ids.number.notnull() & ids.plain.isnull()),
            below=ids.number.min(where=ids.number.startswith("-")),
            rounded=ids.outside.min(where=rounded),
        )
    )[0]
    if look["rounded"] is not None:
        raise UserError(
            f"{name}: the id {look['rounded']} has lost its last digits, as spreadsheets write "
            "large numbers; write the file anew from its source, with ids as whole numbers or text."
        )
    return look


def _check_text(key: str, cells: Cells, looks: dict[str, dict[str, Any]], share: float) -> None:
    """Check that ids that are text can be nothing else.

    Raises:
        UserError: the ids of another file are numbers that no rating has; or most ids are numbers,
            and some of them are written in two ways.
    """
    rated = {name: cell for name, cell in cells.items() if name in (SCORES_CSV, TEST_CSV)}
    of_ratings = _all(rated)
    for name, look in looks.items():
        if name not in rated and look["n"] and not look["strange"]:
            own = _column(cells[name])
            if not count(own.semi_join(of_ratings, "outside")):
                raise UserError(
                    f"{_header(name, key)} has whole numbers, and {_header(SCORES_CSV, key)} text: "
                    "no id is in both. The same ids must be in both files."
                )
    if share > 0.5:
        return
    every = _all(cells)
    numbers = every.mutate(number=whole_number(every.outside)).filter(_.number.notnull())
    twice = numbers.group_by("number").agg(
        n=_.outside.nunique(), one=_.outside.min(), two=_.outside.max()
    )
    if found := collect(twice.filter(_.n > 1).order_by("number").limit(1)):
        raise UserError(
            f"{_header(SCORES_CSV, key)} can be read in two ways: {share:.1%} of the ids are no "
            f"whole numbers, and others are one number in two spellings, such as "
            f"{found[0]['one']!r} and {found[0]['two']!r}. If ids are numbers, set "
            "clean.max_rejected to a larger share; if they are text, spell each in one way."
        )


def _numbers(files: list[ibis.Table]) -> ibis.Table:
    """Number the distinct ids of some files from 1: numbers by size, then text: id, outside."""
    # Not `distinct` of union, which does nothing to a single table.
    ids = ibis.union(*(rows.select("outside") for rows in files)).distinct()
    ids = ids.filter(_.outside.notnull())
    as_number = whole_number(ids.outside).try_cast("int64")
    order = ibis.row_number().over(order_by=[as_number.isnull(), as_number, ids.outside]) + 1
    return ids.select(id=order.cast("int32"), outside=ids.outside)


def _with_numbers(rows: ibis.Table, kept: ibis.Table, ids: ibis.Table, key: str) -> ibis.Table:
    """Put the numbers of a file's ids into its rows."""
    numbered = kept.join(ids, "outside").select("row", "id")
    joined = rows.left_join(numbered, "row")
    return joined.select(**{name: joined["id" if name == key else name] for name in rows.columns})


def _no_ids() -> ibis.Table:
    return empty(kind="string", id="int32", outside="string")


def _column(cell: ibis.Column) -> ibis.Table:
    return cell.name("outside").as_table()


def _all(cells: Cells) -> ibis.Table:
    return ibis.union(*map(_column, cells.values())).distinct()


def _header(name: str, key: str) -> str:
    """Name the column of a file that has the ids of a kind."""
    column = next(column.header for column in COLUMNS[name] if column.name == key)
    return f"{name}, column {column!r}"


def _kind(key: str) -> str:
    return key.removesuffix("_id")
