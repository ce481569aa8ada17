"""Stage clean: typed tables of ratings, items and users, with every dropped row accounted for.

In: the CSV files in data/raw. Out, in data/clean: ``ratings``, ``items`` and ``users``, with the
columns of pipeline/tables/schema.py; ``watched``, the pairs of user_id and item_id that are listed
without a rating (see pipeline/tables/judge.py); and ``rejected``, one row per dropped row: its
table, file, row number (1 is the first row below the header), reason, and ids and rating where
readable. ``ids`` holds the outside ids where these are not their own numbers (see
pipeline/tables/ids.py): the other tables have the numbers, only ``rejected`` has the outside ids.
Also metrics/clean.json: the numbers of rows read, kept, unrated and rejected, and what was assumed.
"""

from pathlib import Path
from typing import Any

import ibis
import pyarrow.parquet as pq
from ibis import _

from pipeline.config import load
from pipeline.errors import UserError, run_stage
from pipeline.files import inputs, replace_json, replacing
from pipeline.paths import CLEAN, METRICS, RAW
from pipeline.settings.sections import Clean, Dataset
from pipeline.tables import judge
from pipeline.tables.engine import Engine, collect, connect, count
from pipeline.tables.ids import Numbered, number
from pipeline.tables.judge import IDS, NOT_DIRT
from pipeline.tables.outside import outside
from pipeline.tables.raw import CATALOGUE_CSV, COLUMNS, DETAILS_CSV, SCORES_CSV, TEST_CSV, header
from pipeline.tables.schema import MISSING, Column
from pipeline.tables.spread import advice, check, spread

KEYS = (*IDS, "rating")  # an unreadable cell in one of these rejects the row; others become null
UNREADABLE = "unreadable_"  # prefix of the columns that flag unreadable cells
REJECTED = {
    "table": "string", "file": "string", "row": "int64", "reason": "string",
    "user_id": "int32", "item_id": "int32", "rating": "float32",
}  # fmt: skip


def read_csv(engine: Engine, path: Path, columns: list[Column]) -> ibis.Table:
    """Read a CSV file lazily, every cell as text.

    Returns:
        ``columns`` by their clean names; optional ones that the file lacks are left out.

    Raises:
        UserError: as ``header`` does.
    """
    names = header(path, columns)
    text = engine.read_csv(path, [f"column{place}" for place in range(len(names))])
    return text.select(
        **{
            column.name: text[f"column{names.index(column.header)}"]
            for column in columns
            if column.header in names
        }
    )


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
                cells[UNREADABLE + column.name] = cell.notin(MISSING) & column.read(cell).isnull()
    return text.select(**cells)


def emptied(rows: ibis.Table) -> dict[str, int]:
    """Count the cells of each column that became null because their text is not a valid value."""
    flags = [name for name in rows.columns if name.startswith(UNREADABLE)]
    counts = collect(rows.aggregate(**{name: rows.count(where=rows[name]) for name in flags}))[0]
    return {name.removeprefix(UNREADABLE): n for name, n in counts.items() if n}


def complete(rows: ibis.Table, columns: list[Column]) -> ibis.Table:
    """Add those of ``columns`` that the file lacks, as nulls of their type."""
    absent = ibis.null("string")
    cells = {column.name: column.read(absent) for column in columns}
    cells |= {UNREADABLE + name: ibis.literal(False) for name in cells if name not in KEYS}
    present = {name: rows[name] for name in rows.columns}
    return rows.select(**(cells | present))


def rejected(table: str, rows: ibis.Table) -> ibis.Table:
    """Select the rows that have a ``reason``, with the columns of REJECTED."""
    dropped = rows.filter(_.reason.notnull()).mutate(table=ibis.literal(table))
    return dropped.select(
        **{
            name: dropped[name] if name in dropped.columns else ibis.null(dtype)
            for name, dtype in REJECTED.items()
        }
    )


def account(
    table: str,
    read: int,
    apart: dict[str, int],
    dropped: ibis.Table,
    max_rejected: float,
    hint: str = "",
) -> dict[str, Any]:
    """Count the rows of a table: read, kept, kept apart, and rejected by reason.

    Args:
        table: its name.
        read: number of rows in its files.
        apart: numbers of rows that are kept in other tables, by what they are.
        dropped: what ``rejected`` returns for the table.
        max_rejected: the largest share of unusable rows.
        hint: what may help if there are more, in sentences.

    Raises:
        UserError: no row is kept, or the share of unusable rows exceeds ``max_rejected``.
    """
    groups = dropped.group_by("reason", "file").agg(n=_.count(), first=_.row.min())
    counts = collect(groups.order_by("file", "reason"))
    by_reason: dict[str, int] = {}
    for group in counts:
        by_reason[group["reason"]] = by_reason.get(group["reason"], 0) + group["n"]
    kept = read - sum(apart.values()) - sum(by_reason.values())
    dirt = sum(n for reason, n in by_reason.items() if reason not in NOT_DIRT)
    unusable = dirt if kept else read
    if kept == 0 or unusable > max_rejected * read:
        reasons = [
            f"{group['file']}: {group['n']} rows, first row {group['first']}: {group['reason']}"
            for group in counts
        ]
        reasons += [f"{n} rows are {what}" for what, n in apart.items() if n]
        raise UserError(
            f"{table}: {unusable} of {read} rows cannot be used; clean.max_rejected allows a "
            f"share of {max_rejected}. {'; '.join(reasons)}. {hint}".rstrip()
        )
    return {"read": read, "kept": kept, **apart, "rejected": by_reason}


def file_rows(engine: Engine, path: Path, columns: list[Column]) -> ibis.Table:
    """Read a raw file: typed ``columns``, flags of unreadable cells, ``row`` and ``file``.

    Raises:
        UserError: the file is not CSV with these columns, or has no rows.
    """
    rows = engine.numbered(typed(read_csv(engine, path, columns), columns))
    if count(rows) == 0:
        raise UserError(f"{path.name}: no rows below the header.")
    return complete(rows, columns).mutate(file=ibis.literal(path.name))


def read_files(engine: Engine, raw: Path, max_rejected: float) -> Numbered:
    """Read the raw files that there are, and number ids that are not their own numbers.

    Raises:
        UserError: as ``file_rows`` and ``pipeline.tables.ids.number`` do.
    """
    names = [name for name in COLUMNS if name != TEST_CSV or (raw / name).exists()]
    files = {name: file_rows(engine, raw / name, COLUMNS[name]) for name in names}

    def as_text(name: str) -> ibis.Table:
        return read_csv(engine, raw / name, COLUMNS[name])

    return number(engine, files, as_text, max_rejected)


def all_ratings(
    files: dict[str, ibis.Table], dataset: Dataset
) -> tuple[ibis.Table, ibis.Table | None]:
    """Return the ratings of both files, with is_test; and the usable pairs of the test set."""
    scores = files[SCORES_CSV].mutate(is_test=False)
    if TEST_CSV not in files:
        return scores, None
    test = files[TEST_CSV].mutate(is_test=True)
    return scores.union(test), test.filter(judge.usable(test, dataset)).select(IDS)


def write_rejected(
    engine: Engine, dropped: dict[str, ibis.Table], ids: ibis.Table, whole: bool, path: Path
) -> None:
    """Write the rejected rows of all tables, with their outside ids.

    Ratings are int32 if all are whole numbers.
    """
    rows = ibis.union(*dropped.values())
    for key in IDS:
        rows = outside(rows, ids, key)
    rows = rows.order_by("table", "file", "row")
    engine.write(rows.mutate(rating=_.rating.cast("int32" if whole else "float32")), path)


def write(engine: Engine, rows: ibis.Table, path: Path) -> int:
    """Write the columns of the schema, sorted by id; return the number of rows."""
    flags = [name for name in rows.columns if name.startswith(UNREADABLE)]
    ids = [name for name in IDS if name in rows.columns]
    engine.write(rows.drop("file", "row", *flags).order_by(ids), path)
    return int(pq.read_metadata(path).num_rows)


def set_apart(engine: Engine, rows: ibis.Table, dataset: Dataset) -> tuple[ibis.Table, ibis.Table]:
    """Divide the kept rows: those with a rating, and the pairs that are watched without one."""
    unrated = judge.unrated(rows, dataset)
    return rows.filter(~unrated), engine.keep(rows.filter(unrated).select(IDS))


def clean(
    dataset: Dataset, settings: Clean, engine: Engine, raw: Path, out: Path
) -> dict[str, Any]:
    """Read the raw files, write the six tables to ``out``, return the counts for clean.json."""
    numbered = read_files(engine, raw, settings.max_rejected)
    scores, tested = all_ratings(numbered.files, dataset)
    titles, users = (numbered.files[name] for name in (CATALOGUE_CSV, DETAILS_CSV))
    found = spread(scores, dataset, engine)
    hints = {"ratings": advice(found, dataset)}
    assumed = numbered.assumed + check(found, dataset)
    repeats = engine.keep(judge.repeated(scores, dataset))
    tables = {
        "ratings": (scores, judge.ratings(scores, repeats, tested, dataset, numbered.no_id)),
        "items": (titles, judge.entities(titles, numbered.no_id)),
        "users": (users, judge.entities(users, numbered.no_id)),
    }
    counts, kept, dropped = {}, {}, {}
    for table, (read, judged) in tables.items():
        dropped[table] = engine.keep(rejected(table, judged))
        kept[table] = read.anti_join(dropped[table], ["file", "row"])
    kept["ratings"], watched = set_apart(engine, kept["ratings"], dataset)
    kept["ratings"] = kept["ratings"].mutate(rating=_.rating.cast(found.dtype))
    for table, (read, _judged) in tables.items():
        apart = {"unrated": count(watched)} if table == "ratings" else {}
        counts[table] = account(
            table, count(read), apart, dropped[table], settings.max_rejected, hints.get(table, "")
        )
        counts[table]["emptied"] = emptied(read)
    for table, rows in kept.items():
        written = write(engine, rows, out / f"{table}.parquet")
        assert written == counts[table]["kept"], f"{table}: {written} rows were written"
    engine.write(watched.order_by(IDS), out / "watched.parquet")
    engine.write(numbered.ids.order_by("kind", "id"), out / "ids.parquet")
    write_rejected(engine, dropped, numbered.ids, found.whole, out / "rejected.parquet")
    return counts | ({"assumed": assumed} if assumed else {})


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    inputs(RAW)
    with replacing(CLEAN) as out, connect(config.engine) as engine:
        counts = clean(config.dataset, config.clean, engine, RAW, out)
    for assumption in counts.get("assumed", []):
        print(f"clean: {assumption}")
    replace_json(METRICS / "clean.json", counts)


if __name__ == "__main__":
    run_stage(main, __doc__)
