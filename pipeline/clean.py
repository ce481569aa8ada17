"""Stage clean: typed tables of ratings, items and users, with every dropped row accounted for.

In: the CSV files of data/raw. Out, in data/clean: ``ratings``, ``items`` and ``users``, whose
columns pipeline/tables/schema.py describes, and ``rejected``, a row for each that was dropped:
which table and file, its number there (the first below the header is 1), the reason, and its
ids and rating as far as they could be read. metrics/clean.json has the numbers
of rows read, kept and rejected.
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

IN_TEST = "also in the test set"  # no fault of the row's
IDS = ["user_id", "item_id"]
PAIR = [*IDS, "is_test"]
KEYS = (*IDS, "rating")  # where these cannot be read the row is rejected
LOST = "lost_"
REJECTED = {
    "table": "string", "file": "string", "row": "int64", "reason": "string",
    "user_id": "int32", "item_id": "int32", "rating": "int32",
}  # fmt: skip


def read_csv(engine: Engine, path: Path, columns: list[Column]) -> ibis.Table:
    """Read a CSV file lazily, as text.

    Returns:
        ``columns`` under their clean names, without the optional ones that the file lacks.

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
    """Read the text of a file as its schema says.

    Returns:
        Those of ``columns`` that the file has; and for each that can be null a column ``LOST`` +
        its name (bool): whether the cell says something that could not be read.
    """
    cells = {}
    for column in columns:
        if column.name in text.columns:
            cell = text[column.name]
            cells[column.name] = column.read(cell)
            if column.name not in KEYS:
                cells[LOST + column.name] = cell.notin(MISSING) & column.read(cell).isnull()
    return text.select(**cells)


def emptied(rows: ibis.Table) -> dict[str, int]:
    """Count, by column, the cells that say something but are null, as it could not be read."""
    lost = [name for name in rows.columns if name.startswith(LOST)]
    counts = collect(rows.aggregate(**{name: rows.count(where=rows[name]) for name in lost}))[0]
    return {name.removeprefix(LOST): n for name, n in counts.items() if n}


def complete(rows: ibis.Table, columns: list[Column]) -> ibis.Table:
    """Add those of ``columns`` that the file lacks: null, of the type they are read as."""
    absent = ibis.null("string")
    cells = {column.name: column.read(absent) for column in columns}
    cells |= {LOST + name: ibis.literal(False) for name in cells if name not in KEYS}
    there = {name: rows[name] for name in rows.columns}
    return rows.select(**(cells | there))


def usable(rows: ibis.Table, dataset: Dataset) -> ibis.Value:
    """Tell whether a rating can be used, whatever the other rows are."""
    in_scale = rows.rating.between(dataset.min_rating, dataset.max_rating)
    return rows.user_id.notnull() & rows.item_id.notnull() & in_scale.fill_null(False)


def repeated(rows: ibis.Table, dataset: Dataset) -> ibis.Table:
    """Find the pairs that a file rates more than once.

    Returns:
        user_id, item_id, is_test, and ``last``: the last row of the pair in that file.
    """
    # To look at users first takes half the time of grouping all pairs, and is as exact.
    by_user = rows.group_by("user_id")
    doubtful = by_user.having(_.item_id.count() > _.item_id.collect().unique().length()).agg()
    few = rows.semi_join(doubtful, "user_id")
    pairs = few.filter(usable(few, dataset)).group_by(PAIR)
    return pairs.having(_.count() > 1).agg(last=_.row.max())


def ratings(
    rows: ibis.Table, again: ibis.Table, tested: ibis.Table | None, dataset: Dataset
) -> ibis.Table:
    """Give each rating that cannot be used its ``reason``.

    Args:
        rows: user_id, item_id, rating (int32, maybe null), is_test, file and row.
        again: what ``repeated`` finds in them.
        tested: user_id, item_id of the usable rows of the test set, if there is one.
        dataset: the rating scale.

    Returns:
        The rows with ``reason``, null for one to keep. Of several ratings of a title by a user the
        last in the file is kept, as what the user thinks now; and a pair of the test set is never
        trained on.
    """
    low, high = dataset.min_rating, dataset.max_rating
    judged = rows.left_join(again, PAIR)
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
    """Give each title or user that cannot be used its ``reason``: no id, or one further up."""
    key = rows.columns[0]
    rows = rows.mutate(first=_.row.min().over(group_by=key))
    reason = ibis.cases(
        (_[key].isnull(), "id is not a whole number"), (_.row > _.first, "id stands further up")
    )
    return rows.mutate(reason=reason).drop("first")


def rejected(table: str, rows: ibis.Table) -> ibis.Table:
    """Select the rows that have a ``reason``; the columns of REJECTED."""
    gone = rows.filter(_.reason.notnull()).mutate(table=ibis.literal(table))
    return gone.select(
        **{
            name: gone[name] if name in gone.columns else ibis.null(dtype)
            for name, dtype in REJECTED.items()
        }
    )


def account(table: str, read: int, gone: ibis.Table, max_rejected: float) -> dict[str, Any]:
    """Count the rows of a table that were ``read``: those kept, and those ``gone`` by reason.

    Raises:
        UserError: nothing is left, or a larger share than ``max_rejected`` cannot be used.
    """
    groups = gone.group_by("reason", "file").agg(n=_.count(), first=_.row.min())
    found = collect(groups.order_by("file", "reason"))
    by_reason: dict[str, int] = {}
    for group in found:
        by_reason[group["reason"]] = by_reason.get(group["reason"], 0) + group["n"]
    unusable = sum(by_reason.values()) - by_reason.get(IN_TEST, 0)
    kept = read - sum(by_reason.values())
    if kept == 0 or unusable > max_rejected * read:
        reasons = [
            f"{group['file']}: {group['n']} rows, first row {group['first']}: {group['reason']}"
            for group in found
        ]
        raise UserError(
            f"{table}: {unusable} of {read} rows cannot be used, where clean.max_rejected allows a "
            f"share of {max_rejected}. {'; '.join(reasons)}."
        )
    return {"read": read, "kept": kept, "rejected": by_reason}


def file_rows(engine: Engine, path: Path, columns: list[Column]) -> ibis.Table:
    """Read a file: ``columns``, what was lost in them, ``row`` and ``file``.

    Raises:
        UserError: it is no CSV with these columns, or has no rows.
    """
    rows = engine.numbered(typed(read_csv(engine, path, columns), columns))
    if count(rows) == 0:
        raise UserError(f"{path.name}: it has no rows below its header.")
    return complete(rows, columns).mutate(file=ibis.literal(path.name))


def clean(
    dataset: Dataset, settings: Clean, engine: Engine, raw: Path, out: Path
) -> dict[str, Any]:
    """Read the raw files, write the four tables to ``out``, return the counts of rows."""
    rated = file_rows(engine, raw / SCORES_CSV, RATINGS).mutate(is_test=False)
    tested = None
    if (raw / TEST_CSV).exists():
        test = file_rows(engine, raw / TEST_CSV, RATINGS).mutate(is_test=True)
        rated, tested = rated.union(test), test.filter(usable(test, dataset)).select(IDS)
    titles = file_rows(engine, raw / CATALOGUE_CSV, ITEMS)
    people = file_rows(engine, raw / DETAILS_CSV, USERS)
    again = engine.keep(repeated(rated, dataset))
    tables = {
        "ratings": (rated, ratings(rated, again, tested, dataset)),
        "items": (titles, entities(titles)),
        "users": (people, entities(people)),
    }
    counts, gone = {}, {}
    for table, (read, judged) in tables.items():
        gone[table] = engine.keep(rejected(table, judged))
        counts[table] = account(table, count(read), gone[table], settings.max_rejected)
        counts[table]["emptied"] = emptied(read)
    for table, (read, _judged) in tables.items():
        lost = [name for name in read.columns if name.startswith(LOST)]
        kept = read.anti_join(gone[table], ["file", "row"]).drop("file", "row", *lost)
        if table == "ratings":
            kept = kept.mutate(rating=_.rating.cast("int8"))
        ids = [name for name in IDS if name in kept.columns]
        engine.write(kept.order_by(ids), out / f"{table}.parquet")
        written = pq.read_metadata(out / f"{table}.parquet").num_rows
        assert written == counts[table]["kept"], f"{table}: {written} rows were written"
    everything = ibis.union(*gone.values()).order_by("table", "file", "row")
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
