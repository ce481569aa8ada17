"""Stage clean: typed tables of ratings, items and users, with every dropped row accounted for.

In: the CSV files of data/raw. Out: ``ratings``, ``items`` and ``users`` as Parquet in data/clean,
and metrics/clean.json with the rows read, kept and rejected, by reason.
"""

from pathlib import Path
from typing import Any

import duckdb
import ibis
from ibis import _

from pipeline.config import Clean, Dataset, load
from pipeline.errors import UserError, run_stage
from pipeline.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV, read_csv
from pipeline.tables import CLEAN, METRICS, RAW, replace_json, replacing, write

MISSING = ["UNKNOWN", "Unknown", ""]  # how the files write a missing value, besides an empty cell
IN_TEST = "also in the test set"  # no fault of the row's


def number(text: ibis.Value) -> ibis.Value:
    """Read text such as '12.0' as a whole number that is not negative; anything else is null."""
    value = text.try_cast("float64")
    return ((value >= 0) & (value < 2**31) & (value % 1 == 0)).ifelse(value, None).cast("int32")


def known(text: ibis.Value) -> ibis.Value:
    """Read text; the ways the files write a missing value are null."""
    return text.isin(MISSING).ifelse(None, text.strip())


def listed(text: ibis.Value) -> ibis.Value:
    """Read a list joined by commas; a missing one is empty."""
    return known(text).split(", ").fill_null(ibis.literal([], "array<string>"))


def ratings(scores: ibis.Table, test: ibis.Table | None, dataset: Dataset) -> ibis.Table:
    """Type the ratings and give each row that cannot be used its ``reason``.

    Args:
        scores: text columns user_id, item_id, rating, and row.
        test: the same of a predefined test set, or None.
        dataset: the rating scale.

    Returns:
        user_id, item_id (int32), rating (int8), is_test (bool), file, row (int64), reason (null
        for a row to keep). Of several ratings of a title by a user the last in the file is kept,
        and one that is also in the test set is never trained on.
    """
    rows = scores.mutate(is_test=False)
    if test is not None:
        rows = rows.union(test.mutate(is_test=True))
    rows = rows.mutate(user_id=number(_.user_id), item_id=number(_.item_id), stars=number(_.rating))
    in_scale = _.stars.between(dataset.min_rating, dataset.max_rating)
    rows = rows.mutate(
        problem=ibis.cases(
            (_.user_id.isnull() | _.item_id.isnull(), "id is not a whole number"),
            (_.stars.isnull(), "rating is not a whole number"),
            (~in_scale, f"rating not in {dataset.min_rating} to {dataset.max_rating}"),
        )
    )
    pair = ["user_id", "item_id", _.problem.isnull()]
    rows = rows.mutate(
        last=_.row.max().over(group_by=[*pair, "is_test"]),
        tested=_.is_test.max().over(group_by=pair),
    )
    reason = ibis.cases(
        (_.problem.notnull(), _.problem),
        (_.tested & ~_.is_test, IN_TEST),
        (_.row < _.last, "rated again further down"),
    )
    return rows.select(
        "user_id",
        "item_id",
        rating=_.stars.cast("int8"),
        is_test=_.is_test,
        file=_.file,
        row=_.row,
        reason=reason,
    )


def items(catalogue: ibis.Table) -> ibis.Table:
    """Type the catalogue and give each row that cannot be used its ``reason``.

    Returns:
        item_id (int32), title, type, source (string or null), genres, studios (lists, maybe
        empty), episodes (int32 or null), file, row (int64), reason (null for a row to keep).
    """
    rows = catalogue.mutate(
        item_id=number(_.item_id),
        title=known(_.title),
        type=known(_.type),
        source=known(_.source),
        genres=listed(_.genres),
        studios=listed(_.studios),
        episodes=number(_.episodes),
    )
    return first_of_each(rows, "item_id")


def users(details: ibis.Table) -> ibis.Table:
    """Type the user details and give each row that cannot be used its ``reason``.

    Returns:
        user_id (int32), completed, plan_to_watch (int32 or null), file, row (int64), reason (null
        for a row to keep).
    """
    rows = details.mutate(
        user_id=number(_.user_id),
        completed=number(_.completed),
        plan_to_watch=number(_.plan_to_watch),
    )
    return first_of_each(rows, "user_id")


def first_of_each(rows: ibis.Table, key: str) -> ibis.Table:
    """Mark rows without a usable key, and all but the first row of each key."""
    rows = rows.mutate(first=_.row.min().over(group_by=key))
    reason = ibis.cases(
        (_[key].isnull(), "id is not a whole number"), (_.row > _.first, "id stands further up")
    )
    return rows.mutate(reason=reason).drop("first")


def account(file: str, rows: ibis.Table, max_rejected: float) -> dict[str, Any]:
    """Count the rows of a table by reason.

    Raises:
        UserError: nothing is left, or a larger share than ``max_rejected`` cannot be used.
    """
    groups = rows.group_by("reason", "file").agg(n=_.count(), first=_.row.min())
    counts = groups.order_by("file", "reason").execute()
    rejected = counts[counts.reason.notna()]
    read, kept = int(counts.n.sum()), int(counts.n[counts.reason.isna()].sum())
    unusable = int(rejected.n[rejected.reason != IN_TEST].sum())
    if kept == 0 or unusable > max_rejected * read:
        reasons = [
            f"{group.file}: {group.n} rows, first row {group.first}: {group.reason}"
            for group in rejected.itertuples()
        ]
        raise UserError(
            f"{file}: {unusable} of {read} rows cannot be used, where clean.max_rejected allows a "
            f"share of {max_rejected}. {'; '.join(reasons) or 'The file has no rows.'}"
        )
    by_reason = rejected.groupby("reason").n.sum()
    return {"read": read, "kept": kept, "rejected": {k: int(n) for k, n in by_reason.items()}}


def clean(dataset: Dataset, settings: Clean, raw: Path, out: Path) -> dict[str, Any]:
    """Read the raw files, write the three tables to ``out``, return the counts of rows."""
    engine = ibis.duckdb.connect()

    def read(file: str) -> ibis.Table:
        return read_csv(engine, raw / file, file)

    test = read(TEST_CSV) if (raw / TEST_CSV).exists() else None
    tables = [
        ("ratings", SCORES_CSV, ratings(read(SCORES_CSV), test, dataset)),
        ("items", CATALOGUE_CSV, items(read(CATALOGUE_CSV))),
        ("users", DETAILS_CSV, users(read(DETAILS_CSV))),
    ]
    counts = {}
    for name, file, expression in tables:
        try:
            rows = engine.create_table(name, expression)
        except duckdb.Error as error:
            raise UserError(f"{file} cannot be read as CSV: {error}") from error
        counts[name] = account(file, rows, settings.max_rejected)
        kept = rows.filter(_.reason.isnull()).drop("reason", "file", "row")
        ids = [key for key in ("user_id", "item_id") if key in kept.columns]
        write(kept.order_by(ids), out / f"{name}.parquet")
    return counts


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    with replacing(CLEAN) as out:
        counts = clean(config.dataset, config.clean, RAW, out)
    replace_json(METRICS / "clean.json", counts)


if __name__ == "__main__":
    run_stage(main, __doc__)
