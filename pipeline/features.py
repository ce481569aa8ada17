"""Stage features: split first, then learn everything else from the training rows alone.

In: data/clean. Out, in data/features:

- ``train``, ``valid``, ``test``: user, item, rating; user and item are row indices of the tables
  below. Training rows also have a random ``block``: the history of a row's user and title is their
  ratings in earlier blocks (see ``pipeline.tables.earlier.with_blocks``).
- ``watched``: user, item of the titles that users have listed without a rating.
- ``users``, ``items``: a row of attributes per user and title. Row 0 stands for an unknown user or
  title; rows 1 to K have training ratings; later rows have only attributes. They and ``titles``
  have the outside ids, of any type; nothing after this stage has other ids.
- ``titles``: names and attributes of the titles as text, in the rows of ``items``.
- ``vocabularies``: the index of each genre, type, source and studio; index 0 is any other value.
"""

from pathlib import Path

import ibis
import pyarrow.parquet as pq
from ibis import _

from pipeline.config import load
from pipeline.files import inputs, replacing
from pipeline.files.stage import run_stage
from pipeline.paths import CLEAN, FEATURES
from pipeline.settings.sections import Features
from pipeline.tables.earlier import with_blocks
from pipeline.tables.engine import Engine, connect
from pipeline.tables.outside import outside
from pipeline.tables.split import TEST, TRAIN, VALID, check_parts, method_of, split
from pipeline.tables.vocabularies import code, vocabulary, vocabulary_table


def entities(attributes: ibis.Table, train: ibis.Table, name: str) -> ibis.Table:
    """Number the users or titles: first those with training ratings, then the others, each by id.

    Args:
        attributes: ``{name}_id`` and the attributes of all, rated or not.
        train: the training rows.
        name: 'user' or 'item'.

    Returns:
        The attributes with ``{name}``, the row index from 1, and ``{name}_sum`` and
        ``{name}_count``, sum and number of the training ratings: all int32, but the sum float64 if
        ratings are no whole numbers.
    """
    key = f"{name}_id"
    exact = "int32" if train.rating.type().is_integer() else "float64"
    totals = train.group_by(key).agg(total=_.rating.sum(), n=_.rating.count())
    rows = attributes.outer_join(totals, key)
    rows = rows.mutate(**{key: ibis.coalesce(rows[key], rows[f"{key}_right"])}).drop(f"{key}_right")
    index = ibis.row_number().over(order_by=[_.n.isnull(), _[key]]) + 1
    return rows.mutate(
        **{
            name: index.cast("int32"),
            f"{name}_sum": _.total.fill_null(0).cast(exact),
            f"{name}_count": _.n.fill_null(0).cast("int32"),
        }
    ).drop("total", "n")


def standardised(amount: ibis.Value, trained: ibis.Value) -> ibis.Value:
    """Standardise log(1 + amount) to mean 0 and deviation 1 over the rows where ``trained``.

    A missing amount becomes 0, the mean; so does every amount if they are all equal.
    """
    value = (amount.cast("float64") + 1).ln()
    deviation = value.std(where=trained, how="pop").nullif(0)
    return ((value - value.mean(where=trained)) / deviation).fill_null(0).cast("float32")


def users(rows: ibis.Table) -> ibis.Table:
    """Build the user table: user, user_id, name, user_sum, user_count, completed, plan_to_watch.

    Args:
        rows: what ``entities`` returns for the users.
    """
    trained = _.user_count > 0
    return rows.select(
        "user", "user_id", "name", "user_sum", "user_count",
        completed=standardised(_.completed, trained),
        plan_to_watch=standardised(_.plan_to_watch, trained),
    )  # fmt: skip


def items(rows: ibis.Table, min_titles_per_value: int) -> tuple[ibis.Table, dict[str, list[str]]]:
    """Build the item table and the vocabularies of its attributes.

    Args:
        rows: what ``entities`` returns for the titles.
        min_titles_per_value: values of fewer trained titles get index 0.

    Returns:
        The table: item, item_id, title, item_sum, item_count, type and source (int32 index),
        genres and studios (lists of int32 indices, never empty), episodes and year (float32).
        The vocabularies: the values of each attribute among the trained titles.
    """
    trained = rows.filter(_.item_count > 0)
    known = {name: vocabulary(trained[name], min_titles_per_value) for name in ("type", "source")}
    known |= {
        name: vocabulary(trained[name].unnest(), min_titles_per_value)
        for name in ("genres", "studios")
    }

    def codes(name: str) -> ibis.Value:
        coded = rows[name].map(lambda value: code(value, known[name]))
        return (coded.length() > 0).ifelse(coded, ibis.literal([0], "array<int32>"))

    return rows.select(
        "item", "item_id", "title", "item_sum", "item_count",
        type=code(rows.type, known["type"]),
        source=code(rows.source, known["source"]),
        genres=codes("genres"),
        studios=codes("studios"),
        episodes=standardised(rows.episodes, rows.item_count > 0),
        year=standardised(rows.year, rows.item_count > 0),
    ), known  # fmt: skip


def titles(rows: ibis.Table) -> ibis.Table:
    """Select names and attributes of titles as text, from what ``entities`` returns for them."""
    # A title that is rated but not in the catalogue has null for its genres.
    genres = rows.genres.fill_null(ibis.literal([], "array<string>"))
    return rows.select("item", "item_id", "title", "english", "type", "year", genres=genres)


def with_unknown(rows: ibis.Table, index: str, null: tuple[str, ...] = ()) -> ibis.Table:
    """Prepend row 0 for an unknown user or title: no id, no history, standardised numbers 0.

    Args:
        rows: the table.
        index: its column of row indices.
        null: number columns that are not standardised, so that 0 is not their mean; null instead.
    """
    blank = {}
    for name, dtype in rows.schema().items():
        if dtype.is_string() or name.endswith("_id") or name in null:
            blank[name] = ibis.null(dtype)
        elif dtype.is_array():
            blank[name] = ibis.literal([] if dtype.value_type.is_string() else [0], dtype)
        else:
            blank[name] = ibis.literal(0, "int8").cast(dtype)  # Spark would make 0.0 a double
    one = ibis.range(1).unnest().name("one").as_table()
    return one.select(**blank).union(rows).order_by(index)


def indexed(rows: ibis.Table, users: ibis.Table, items: ibis.Table) -> ibis.Table:
    """Replace ids by row indices of the user and item tables (int32), 0 for an id without a row."""
    for name, table in (("user", users), ("item", items)):
        key = f"{name}_id"
        rows = rows.left_join(table.select(key, name), key).drop(key, f"{key}_right")
    ordered = rows.fill_null({"user": 0, "item": 0}).order_by("user", "item", "rating")
    return ordered.select(
        "user", "item", "rating", *(["block"] if "block" in ordered.columns else [])
    )


def watched(
    pairs: ibis.Table, rated: ibis.Table, users: ibis.Table, items: ibis.Table
) -> ibis.Table:
    """Select the watched pairs whose user and title are trained on: user, item (int32), sorted.

    Users and titles that only the test set has must stay unknown, where the split wants them new.

    Args:
        pairs: user_id, item_id of the titles watched without a rating.
        rated: user_id, item_id and others of the rows of all parts; their pairs are left out.
        users, items: the tables, with the numbers of training ratings.
    """
    rows = pairs.anti_join(rated, ["user_id", "item_id"])
    for name, table in (("user", users), ("item", items)):
        trained = table.filter(table[f"{name}_count"] > 0)
        rows = rows.join(trained.select(f"{name}_id", name), f"{name}_id")
    return rows.select("user", "item").order_by("user", "item")


def write_parts(
    engine: Engine, parts: dict[str, ibis.Table], users: ibis.Table, items: ibis.Table, out: Path
) -> dict[str, int]:
    """Write the rows of each part with row indices; return their numbers."""
    for name, part in parts.items():
        engine.write(indexed(part.drop("part"), users, items), out / f"{name}.parquet")
    return {name: pq.read_metadata(out / f"{name}.parquet").num_rows for name in parts}


def features(clean: Path, settings: Features, engine: Engine, out: Path) -> None:
    """Read the clean tables, write the feature tables to ``out``.

    Raises:
        UserError: a part has no rows, or the ratings lack what the split needs.
    """
    ratings, unrated, catalogue, details, ids = (
        engine.backend.read_parquet(clean / f"{name}.parquet")
        for name in ("ratings", "watched", "items", "users", "ids")
    )
    rows = engine.keep(split(ratings, settings, method_of(ratings, settings.split)))
    train, valid, test = (rows.filter(_.part == part) for part in (TRAIN, VALID, TEST))
    train = with_blocks(train, settings.seed)

    profiles = details.select("user_id", "name", "completed", "plan_to_watch")
    user_table = engine.keep(users(entities(profiles, train, "user")))
    described = engine.keep(entities(catalogue, train, "item"))
    item_rows, vocabularies = items(described, settings.min_titles_per_value)
    item_table = engine.keep(item_rows)
    parts = {"train": train, "valid": valid, "test": test}
    check_parts(write_parts(engine, parts, user_table, item_table, out), settings)
    engine.write(watched(unrated, rows, user_table, item_table), out / "watched.parquet")
    people = outside(user_table, ids, "user_id")
    coded, named = (outside(rows, ids, "item_id") for rows in (item_table, titles(described)))
    engine.write(with_unknown(people, "user"), out / "users.parquet")
    engine.write(with_unknown(coded, "item"), out / "items.parquet")
    engine.write(with_unknown(named, "item", null=("year",)), out / "titles.parquet")
    pq.write_table(
        vocabulary_table(vocabularies), out / "vocabularies.parquet", compression="snappy"
    )


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    inputs(CLEAN)
    with replacing(FEATURES) as out, connect(config.engine) as engine:
        features(CLEAN, config.features, engine, out)


if __name__ == "__main__":
    run_stage(main, __doc__)
