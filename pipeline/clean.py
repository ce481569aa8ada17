"""Stage clean: typed tables of ratings, items and users, with every dropped row accounted for.

In: the CSV files in data/raw. Out, in data/clean: ``ratings``, ``items`` and ``users``, with the
columns of pipeline/tables/schema.py; ``watched``, the pairs of user_id and item_id that are listed
without a rating (see pipeline/tables/judge.py); and ``rejected``, one row per dropped row: its
table, file, row number (1 is the first row below the header), reason, and ids and rating where
readable. Also metrics/clean.json: the numbers of rows read, kept, unrated and rejected, and what
was ``assumed`` of files that are not as Kaggle's are.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import pyarrow.parquet as pq
from ibis import _

from pipeline.config import load
from pipeline.errors import UserError, run_stage
from pipeline.files import replace_json, replacing
from pipeline.paths import CLEAN, METRICS, RAW
from pipeline.settings.sections import Clean, Dataset
from pipeline.tables import judge
from pipeline.tables.engine import Engine, collect, connect, count
from pipeline.tables.judge import IDS, NOT_DIRT
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV
from pipeline.tables.reading import UNREADABLE, file_rows, no_rows
from pipeline.tables.schema import ITEMS, RATINGS, USERS

REJECTED = {
    "table": "string", "file": "string", "row": "int64", "reason": "string",
    "user_id": "int32", "item_id": "int32", "rating": "int32",
}  # fmt: skip


def emptied(rows: ibis.Table) -> dict[str, int]:
    """Count the cells of each column that became null because their text is not a valid value."""
    flags = [name for name in rows.columns if name.startswith(UNREADABLE)]
    counts = collect(rows.aggregate(**{name: rows.count(where=rows[name]) for name in flags}))[0]
    return {name.removeprefix(UNREADABLE): n for name, n in counts.items() if n}


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
    table: str, read: int, apart: dict[str, int], dropped: ibis.Table, max_rejected: float
) -> dict[str, Any]:
    """Count the rows of a table: read, kept, kept apart, and rejected by reason.

    Args:
        table: its name.
        read: number of rows in its files.
        apart: numbers of rows that are kept in other tables, by what they are.
        dropped: what ``rejected`` returns for the table.
        max_rejected: the largest share of unusable rows.

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
            f"share of {max_rejected}. {'; '.join(reasons)}."
        )
    return {"read": read, "kept": kept, **apart, "rejected": by_reason}


def write(engine: Engine, rows: ibis.Table, path: Path) -> int:
    """Write the columns of the schema, sorted by id; return the number of rows."""
    flags = [name for name in rows.columns if name.startswith(UNREADABLE)]
    ids = [name for name in IDS if name in rows.columns]
    engine.write(rows.drop("file", "row", *flags).order_by(ids), path)
    return int(pq.read_metadata(path).num_rows)


def raw_rows(engine: Engine, raw: Path, plain: Path) -> tuple[dict[str, ibis.Table], list[str]]:
    """Read the raw files that are there, by name; and say what was assumed of them.

    Args:
        engine: computes the tables.
        raw: their folder; the file of users' details and that of the test set may be missing.
        plain: a folder for plain copies of files in other dialects.
    """
    columns = {SCORES_CSV: RATINGS, TEST_CSV: RATINGS, CATALOGUE_CSV: ITEMS, DETAILS_CSV: USERS}
    there = {name: os.path.lexists(raw / name) for name in columns}
    optional = (DETAILS_CSV, TEST_CSV)
    assumed = [] if there[DETAILS_CSV] else [f"{DETAILS_CSV}: not there; users have no details"]
    rows = {}
    for name, each in columns.items():
        if there[name] or name not in optional:
            rows[name], words = file_rows(engine, raw / name, each, plain)
            assumed += [f"{name}: {'; '.join(words)}"] if words else []
    rows.setdefault(DETAILS_CSV, no_rows(DETAILS_CSV, USERS))
    return rows, assumed


def clean(
    dataset: Dataset, settings: Clean, engine: Engine, raw: Path, out: Path
) -> dict[str, Any]:
    """Read the raw files, write the five tables to ``out``, return the counts for clean.json."""
    with TemporaryDirectory(dir=out, prefix="plain-") as plain:
        files, assumed = raw_rows(engine, raw, Path(plain))
        counts: dict[str, Any] = tables(dataset, settings, engine, files, out)
    return counts | ({"assumed": assumed} if assumed else {})


def tables(
    dataset: Dataset, settings: Clean, engine: Engine, files: dict[str, ibis.Table], out: Path
) -> dict[str, Any]:
    """Judge the rows of the raw files, write the five tables to ``out``, return the counts."""
    scores, tested = files[SCORES_CSV].mutate(is_test=False), None
    if TEST_CSV in files:
        test = files[TEST_CSV].mutate(is_test=True)
        scores, tested = scores.union(test), test.filter(judge.usable(test, dataset)).select(IDS)
    titles, users = files[CATALOGUE_CSV], files[DETAILS_CSV]
    repeats = engine.keep(judge.repeated(scores, dataset))
    judged_by = {
        "ratings": (scores, judge.ratings(scores, repeats, tested, dataset)),
        "items": (titles, judge.entities(titles)),
        "users": (users, judge.entities(users)),
    }
    counts, kept, dropped = {}, {}, {}
    for table, (read, judged) in judged_by.items():
        dropped[table] = engine.keep(rejected(table, judged))
        kept[table] = read.anti_join(dropped[table], ["file", "row"])
    unrated = judge.unrated(kept["ratings"], dataset)
    watched = engine.keep(kept["ratings"].filter(unrated).select(IDS))
    kept["ratings"] = kept["ratings"].filter(~unrated).mutate(rating=_.rating.cast("int8"))
    for table, (read, _judged) in judged_by.items():
        apart = {"unrated": count(watched)} if table == "ratings" else {}
        counts[table] = account(table, count(read), apart, dropped[table], settings.max_rejected)
        counts[table]["emptied"] = emptied(read)
    for table, rows in kept.items():
        written = write(engine, rows, out / f"{table}.parquet")
        assert written == counts[table]["kept"], f"{table}: {written} rows were written"
    engine.write(watched.order_by(IDS), out / "watched.parquet")
    everything = ibis.union(*dropped.values()).order_by("table", "file", "row")
    engine.write(everything, out / "rejected.parquet")
    return counts


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    with replacing(CLEAN) as out, connect(config.engine) as engine:
        counts = clean(config.dataset, config.clean, engine, RAW, out)
    replace_json(METRICS / "clean.json", counts)
    for line in counts.get("assumed", []):
        print(f"assumed: {line}")


if __name__ == "__main__":
    run_stage(main, __doc__)
