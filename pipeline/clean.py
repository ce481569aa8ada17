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
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import pyarrow.parquet as pq
from ibis import _

from pipeline.config import load
from pipeline.errors import UserError
from pipeline.files import inputs, replace_json, replacing
from pipeline.files.stage import run_stage
from pipeline.paths import CLEAN, METRICS, RAW
from pipeline.settings.sections import Clean, Dataset
from pipeline.tables import judge
from pipeline.tables.engine import Engine, collect, connect, count, empty
from pipeline.tables.ids import Numbered
from pipeline.tables.judge import IDS, NOT_DIRT
from pipeline.tables.outside import outside
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV
from pipeline.tables.reading import UNREADABLE, raw_rows
from pipeline.tables.spread import Spread, advice, check, spread

REJECTED = {
    "table": "string", "file": "string", "row": "int64", "reason": "string",
    "user_id": "int32", "item_id": "int32", "rating": "float32",
}  # fmt: skip


def emptied(rows: ibis.Table) -> dict[str, int]:
    """Count the cells of each column that became null because their text is not a valid value."""
    flags = [name for name in rows.columns if name.startswith(UNREADABLE)]
    counts = collect(rows.aggregate(**{name: rows.count(where=rows[name]) for name in flags}))[0]
    return {name.removeprefix(UNREADABLE): n for name, n in counts.items() if n}


def mostly_emptied(table: str, counts: dict[str, Any]) -> list[str]:
    """Say which columns of a table became null in most rows, from what is counted of it."""
    return [
        f"{table}: {n} of {counts['read']} cells of {column} cannot be read and are left out"
        for column, n in counts["emptied"].items()
        if 2 * n > counts["read"]
    ]


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
    if read and (kept == 0 or unusable > max_rejected * read):
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


def set_apart(
    engine: Engine, rows: ibis.Table, dataset: Dataset, found: Spread
) -> tuple[ibis.Table, ibis.Table]:
    """Divide the kept rows: those with a rating, and the pairs that are watched without one."""
    if not found.unrated:
        return rows, empty(**dict.fromkeys(IDS, "int32"))
    unrated = judge.unrated(rows, dataset)
    return rows.filter(~unrated), engine.keep(rows.filter(unrated).select(IDS))


def clean(
    dataset: Dataset, settings: Clean, engine: Engine, raw: Path, out: Path
) -> dict[str, Any]:
    """Read the raw files, write the six tables to ``out``, return the counts for clean.json."""
    with TemporaryDirectory(dir=out, prefix="plain-") as plain:
        numbered = raw_rows(engine, raw, Path(plain), settings.max_rejected)
        return tables(dataset, settings, engine, numbered, out)


def tables(
    dataset: Dataset, settings: Clean, engine: Engine, numbered: Numbered, out: Path
) -> dict[str, Any]:
    """Judge the rows of the raw files, write the six tables to ``out``, return the counts."""
    scores, tested = all_ratings(numbered.files, dataset)
    titles, users = (numbered.files[name] for name in (CATALOGUE_CSV, DETAILS_CSV))
    found = spread(scores, dataset, engine)
    hints = {"ratings": advice(found, dataset)}
    assumed = numbered.assumed + check(found, dataset)
    repeats = engine.keep(judge.repeated(scores, dataset, engine))
    judged_by = {
        "ratings": (scores, judge.ratings(scores, repeats, tested, dataset, numbered.no_id)),
        "items": (titles, judge.entities(titles, numbered.no_id)),
        "users": (users, judge.entities(users, numbered.no_id)),
    }
    counts, kept, dropped = {}, {}, {}
    for table, (read, judged) in judged_by.items():
        dropped[table] = engine.keep(rejected(table, judged))
        kept[table] = read.anti_join(dropped[table], ["file", "row"])
    kept["ratings"], watched = set_apart(engine, kept["ratings"], dataset, found)
    kept["ratings"] = kept["ratings"].mutate(rating=_.rating.cast(found.dtype))
    for table, (read, _judged) in judged_by.items():
        apart = {"unrated": count(watched)} if table == "ratings" else {}
        counts[table] = account(
            table, count(read), apart, dropped[table], settings.max_rejected, hints.get(table, "")
        )
        counts[table]["emptied"] = emptied(read)
        assumed += mostly_emptied(table, counts[table])
    for table, rows in kept.items():
        written = write(engine, rows, out / f"{table}.parquet")
        assert written == counts[table]["kept"], f"{table}: {written} rows were written"
    engine.write(watched.order_by(IDS), out / "watched.parquet")
    engine.write(numbered.ids.order_by("kind", "id"), out / "ids.parquet")
    write_rejected(engine, dropped, numbered.ids, found.whole, out / "rejected.parquet")
    return counts | ({"assumed": assumed} if assumed else {})


def made_of(dataset: Dataset) -> str:
    """Name the file that a source made the raw files of, with the same rows; or say nothing."""
    given = getattr(dataset, "path", None) if dataset.source == "ratings" else None
    return f" {SCORES_CSV} has the rows of {given}." if given else ""


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    inputs(RAW)
    with replacing(CLEAN) as out, connect(config.engine) as engine:
        try:
            counts = clean(config.dataset, config.clean, engine, RAW, out)
        except UserError as error:
            raise UserError(f"{error}{made_of(config.dataset)}") from error
    replace_json(METRICS / "clean.json", counts)
    if unrated := counts["ratings"]["unrated"]:
        print(f"{unrated} of {counts['ratings']['read']} ratings are 0 or -1: watched, not rated")
    for table in ("ratings", "items", "users"):
        for reason, n in counts[table]["rejected"].items():
            print(f"{n} of {counts[table]['read']} {table} are left out: {reason}")
    for line in counts.get("assumed", []):
        print(f"assumed: {line}")


if __name__ == "__main__":
    run_stage(main, __doc__)
