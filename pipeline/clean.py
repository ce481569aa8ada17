"""Stage clean: typed tables of ratings, items and users, with every dropped row accounted for.

In: the CSV files in data/raw. Out, in data/clean: ``ratings``, ``items`` and ``users``, with the
columns of pipeline/tables/schema.py; and ``rejected``, one row per dropped row: its table, file,
row number (1 is the first row below the header), reason, and ids and rating where readable. Also
metrics/clean.json: the numbers of rows read, kept and rejected.
"""

from pathlib import Path
from typing import Any

import ibis
import pyarrow.parquet as pq
from ibis import _

from pipeline.config import load
from pipeline.errors import UserError, run_stage
from pipeline.files import replace_json, replacing
from pipeline.paths import CLEAN, METRICS, RAW
from pipeline.settings.sections import Clean, Dataset
from pipeline.tables.engine import Engine, collect, connect, count
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV, header
from pipeline.tables.schema import ITEMS, MISSING, RATINGS, USERS, Column

IN_TEST = "also in the test set"  # not dirt: does not count towards clean.max_rejected
IDS = ["user_id", "item_id"]
PAIR = [*IDS, "is_test"]
KEYS = (*IDS, "rating")  # an unreadable cell in one of these rejects the row; others become null
UNREADABLE = "unreadable_"  # prefix of the columns that flag unreadable cells
REJECTED = {
    "table": "string", "file": "string", "row": "int64", "reason": "string",
    "user_id": "int32", "item_id": "int32", "rating": "int32",
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


def usable(rows: ibis.Table, dataset: Dataset) -> ibis.Value:
    """Whether a row is valid by itself: it has both ids, and a rating on the scale."""
    in_scale = rows.rating.between(dataset.min_rating, dataset.max_rating)
    return rows.user_id.notnull() & rows.item_id.notnull() & in_scale.fill_null(False)


def repeated(rows: ibis.Table, dataset: Dataset) -> ibis.Table:
    """Find the pairs of user and title that occur more than once in a file.

    Returns:
        user_id, item_id, is_test, and ``last``: the number of the pair's last row in that file.
    """
    # Grouping only the pairs of users with a repeated title takes half the time of grouping all.
    by_user = rows.group_by("user_id")
    repeaters = by_user.having(_.item_id.count() > _.item_id.collect().unique().length()).agg()
    candidates = rows.semi_join(repeaters, "user_id")
    pairs = candidates.filter(usable(candidates, dataset)).group_by(PAIR)
    return pairs.having(_.count() > 1).agg(last=_.row.max())


def ratings(
    rows: ibis.Table, repeats: ibis.Table, tested: ibis.Table | None, dataset: Dataset
) -> ibis.Table:
    """Add ``reason`` to the ratings: why a row is rejected, null for a row to keep.

    Of several ratings of a title by a user, the last in the file is kept, as the user's latest
    opinion. A pair in the test set is rejected from the other file, so it is never trained on.

    Args:
        rows: user_id, item_id, rating (int32, nullable), is_test, file and row.
        repeats: what ``repeated`` returns for them.
        tested: user_id, item_id of the usable rows of the test set, if there is one.
        dataset: the rating scale.
    """
    low, high = dataset.min_rating, dataset.max_rating
    judged = rows.left_join(repeats, PAIR)
    reasons = [
        (rows.user_id.isnull() | rows.item_id.isnull(), "id is not a whole number"),
        (rows.rating.isnull(), "rating is not a whole number"),
        (~usable(rows, dataset) & rows.rating.isin([0, -1]), "not rated: 0 or -1"),
        (~usable(rows, dataset), f"rating not in {low} to {high}"),
    ]
    if tested is not None:
        pairs = tested.distinct().mutate(is_test=ibis.literal(False), tested=True)
        judged = judged.left_join(pairs, PAIR, rname="{name}_tested")
        reasons.append((judged.tested.notnull(), IN_TEST))
    reasons.append((judged.row < judged.last, "rated again further down"))
    return judged.select(*rows.columns, reason=ibis.cases(*reasons))


def entities(rows: ibis.Table) -> ibis.Table:
    """Add ``reason`` to titles or users: no id, or the id of an earlier row; null to keep it."""
    key = rows.columns[0]
    rows = rows.mutate(first=_.row.min().over(group_by=key))
    reason = ibis.cases(
        (_[key].isnull(), "id is not a whole number"), (_.row > _.first, "id stands further up")
    )
    return rows.mutate(reason=reason).drop("first")


def rejected(table: str, rows: ibis.Table) -> ibis.Table:
    """Select the rows that have a ``reason``, with the columns of REJECTED."""
    dropped = rows.filter(_.reason.notnull()).mutate(table=ibis.literal(table))
    return dropped.select(
        **{
            name: dropped[name] if name in dropped.columns else ibis.null(dtype)
            for name, dtype in REJECTED.items()
        }
    )


def account(table: str, read: int, dropped: ibis.Table, max_rejected: float) -> dict[str, Any]:
    """Count the rows of a table: read, kept, and rejected by reason.

    Raises:
        UserError: no row is kept, or the share of unusable rows exceeds ``max_rejected``.
    """
    groups = dropped.group_by("reason", "file").agg(n=_.count(), first=_.row.min())
    counts = collect(groups.order_by("file", "reason"))
    by_reason: dict[str, int] = {}
    for group in counts:
        by_reason[group["reason"]] = by_reason.get(group["reason"], 0) + group["n"]
    unusable = sum(by_reason.values()) - by_reason.get(IN_TEST, 0)
    kept = read - sum(by_reason.values())
    if kept == 0 or unusable > max_rejected * read:
        reasons = [
            f"{group['file']}: {group['n']} rows, first row {group['first']}: {group['reason']}"
            for group in counts
        ]
        raise UserError(
            f"{table}: {unusable} of {read} rows cannot be used; clean.max_rejected allows a "
            f"share of {max_rejected}. {'; '.join(reasons)}."
        )
    return {"read": read, "kept": kept, "rejected": by_reason}


def file_rows(engine: Engine, path: Path, columns: list[Column]) -> ibis.Table:
    """Read a raw file: typed ``columns``, flags of unreadable cells, ``row`` and ``file``.

    Raises:
        UserError: the file is not CSV with these columns, or has no rows.
    """
    rows = engine.numbered(typed(read_csv(engine, path, columns), columns))
    if count(rows) == 0:
        raise UserError(f"{path.name}: no rows below the header.")
    return complete(rows, columns).mutate(file=ibis.literal(path.name))


def clean(
    dataset: Dataset, settings: Clean, engine: Engine, raw: Path, out: Path
) -> dict[str, Any]:
    """Read the raw files, write the four tables to ``out``, return the counts for clean.json."""
    rated = file_rows(engine, raw / SCORES_CSV, RATINGS).mutate(is_test=False)
    tested = None
    if (raw / TEST_CSV).exists():
        test = file_rows(engine, raw / TEST_CSV, RATINGS).mutate(is_test=True)
        rated, tested = rated.union(test), test.filter(usable(test, dataset)).select(IDS)
    titles = file_rows(engine, raw / CATALOGUE_CSV, ITEMS)
    users = file_rows(engine, raw / DETAILS_CSV, USERS)
    repeats = engine.keep(repeated(rated, dataset))
    tables = {
        "ratings": (rated, ratings(rated, repeats, tested, dataset)),
        "items": (titles, entities(titles)),
        "users": (users, entities(users)),
    }
    counts, dropped = {}, {}
    for table, (read, judged) in tables.items():
        dropped[table] = engine.keep(rejected(table, judged))
        counts[table] = account(table, count(read), dropped[table], settings.max_rejected)
        counts[table]["emptied"] = emptied(read)
    for table, (read, _judged) in tables.items():
        flags = [name for name in read.columns if name.startswith(UNREADABLE)]
        kept = read.anti_join(dropped[table], ["file", "row"]).drop("file", "row", *flags)
        if table == "ratings":
            kept = kept.mutate(rating=_.rating.cast("int8"))
        ids = [name for name in IDS if name in kept.columns]
        engine.write(kept.order_by(ids), out / f"{table}.parquet")
        written = pq.read_metadata(out / f"{table}.parquet").num_rows
        assert written == counts[table]["kept"], f"{table}: {written} rows were written"
    everything = ibis.union(*dropped.values()).order_by("table", "file", "row")
    engine.write(everything, out / "rejected.parquet")
    return counts


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    with replacing(CLEAN) as out, connect(config.engine) as engine:
        counts = clean(config.dataset, config.clean, engine, RAW, out)
    replace_json(METRICS / "clean.json", counts)


if __name__ == "__main__":
    run_stage(main, __doc__)
