"""Stage features: split first, then learn everything else from the training rows alone.

In: data/clean. Out, in data/features:

- ``train``, ``valid``, ``test``: user, item, rating; the first two as rows of the tables below.
  Training rows have a ``block`` too: they are dealt to BLOCKS at random, and what is known of
  their user and title are the ratings of earlier blocks (see ``dealt``).
- ``users``, ``items``: a row per user and title with its attributes, ready to be gathered from.
  Row 0 stands for anyone unknown; rows 1 to K have training ratings; the others have attributes
  only, so the model knows what they are but has not learned them.
- ``titles``: what the titles are called and are, in words, a row for each of ``items``.
- ``vocabularies``: the index of each genre, type, source and studio; index 0 is any other value.
"""

from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _

from pipeline.config import load
from pipeline.errors import UserError, run_stage
from pipeline.files import replacing
from pipeline.paths import CLEAN, FEATURES
from pipeline.settings.sections import Features
from pipeline.tables.earlier import dealt
from pipeline.tables.engine import Engine, collect, connect
from pipeline.tables.split import TEST, TRAIN, VALID, method_of, split


def entities(attributes: ibis.Table, train: ibis.Table, name: str) -> ibis.Table:
    """Number the users or titles: those with training ratings first, each group by id.

    Args:
        attributes: ``{name}_id`` and what is known of each, whether rated or not.
        train: the training rows.
        name: 'user' or 'item'.

    Returns:
        The attributes with ``{name}`` (int32, 1-based), ``{name}_sum`` and ``{name}_count``
        (int32) of the training ratings.
    """
    key = f"{name}_id"
    totals = train.group_by(key).agg(total=_.rating.sum(), n=_.rating.count())
    rows = attributes.outer_join(totals, key)
    rows = rows.mutate(**{key: ibis.coalesce(rows[key], rows[f"{key}_right"])}).drop(f"{key}_right")
    index = ibis.row_number().over(order_by=[_.n.isnull(), _[key]]) + 1
    return rows.mutate(
        **{
            name: index.cast("int32"),
            f"{name}_sum": _.total.fill_null(0).cast("int32"),
            f"{name}_count": _.n.fill_null(0).cast("int32"),
        }
    ).drop("total", "n")


def standardised(amount: ibis.Value, learned: ibis.Value) -> ibis.Value:
    """Scale log(1 + amount) to mean 0, deviation 1 over the rows that were trained on.

    A missing amount, and any where all are the same, is 0: the mean.
    """
    value = (amount.cast("float64") + 1).ln()
    deviation = value.std(where=learned, how="pop").nullif(0)
    return ((value - value.mean(where=learned)) / deviation).fill_null(0).cast("float32")


def vocabulary(values: ibis.Column, least: int) -> list[str]:
    """Return the values that occur ``least`` times or more, sorted.

    A value's index in the model is its place here, from 1.
    """
    counts = values.name("value").as_table().group_by("value").agg(n=_.count())
    frequent = counts.filter(_.value.notnull() & (_.n >= least))
    return sorted(row["value"] for row in collect(frequent.select("value")))


def code(values: ibis.Value, words: list[str]) -> ibis.Value:
    """Replace a value by its index in the vocabulary; 0 if it is missing or not there."""
    place = ibis.literal(words, "array<string>").index(values)
    return (place.fill_null(-1) + 1).cast("int32")


def users(rows: ibis.Table) -> ibis.Table:
    """Build the user table: user, user_id, name, user_sum, user_count, completed, plan_to_watch.

    ``rows`` is what ``entities`` returns of the users.
    """
    learned = _.user_count > 0
    return rows.select(
        "user", "user_id", "name", "user_sum", "user_count",
        completed=standardised(_.completed, learned),
        plan_to_watch=standardised(_.plan_to_watch, learned),
    )  # fmt: skip


def items(rows: ibis.Table, min_titles_per_value: int) -> tuple[ibis.Table, dict[str, list[str]]]:
    """Build the item table and the vocabularies of its attributes.

    Args:
        rows: what ``entities`` returns of the titles.
        min_titles_per_value: how many trained titles must have a value for it to have an index.

    Returns:
        item, item_id, title, item_sum, item_count, type and source (int32 index), genres and
        studios (lists of int32 index, never empty), episodes and year (float32); and the words of
        each vocabulary, from the titles that were trained on alone.
    """
    seen = rows.filter(_.item_count > 0)
    words = {name: vocabulary(seen[name], min_titles_per_value) for name in ("type", "source")}
    words |= {
        name: vocabulary(seen[name].unnest(), min_titles_per_value)
        for name in ("genres", "studios")
    }

    def codes(name: str) -> ibis.Value:
        coded = rows[name].map(lambda value: code(value, words[name]))
        return (coded.length() > 0).ifelse(coded, ibis.literal([0], "array<int32>"))

    return rows.select(
        "item", "item_id", "title", "item_sum", "item_count",
        type=code(rows.type, words["type"]),
        source=code(rows.source, words["source"]),
        genres=codes("genres"),
        studios=codes("studios"),
        episodes=standardised(rows.episodes, rows.item_count > 0),
        year=standardised(rows.year, rows.item_count > 0),
    ), words  # fmt: skip


def titles(rows: ibis.Table) -> ibis.Table:
    """Tell what titles are called and are: what ``entities`` returns of them, in words."""
    genres = rows.genres.fill_null(ibis.literal([], "array<string>"))  # of one not in the catalogue
    return rows.select("item", "item_id", "title", "english", "type", "year", genres=genres)


def table_of(words: dict[str, list[str]]) -> pa.Table:
    """Return the vocabularies as a table: feature, value, index (int32, from 1)."""
    entries = [
        {"feature": feature, "value": value, "index": index}
        for feature, values in sorted(words.items())
        for index, value in enumerate(values, start=1)
    ]
    schema = {"feature": pa.string(), "value": pa.string(), "index": pa.int32()}
    return pa.Table.from_pylist(entries, schema=pa.schema(schema))


def with_unknown(rows: ibis.Table, index: str, null: tuple[str, ...] = ()) -> ibis.Table:
    """Put row 0 on top, for anyone unknown: no id, no history, every number at its mean.

    Columns in ``null`` have not been standardised: their 0 would be no mean, and they get no value.
    """
    blank = {}
    for name, dtype in rows.schema().items():
        if dtype.is_string() or name.endswith("_id") or name in null:
            blank[name] = ibis.null(dtype)
        elif dtype.is_array():
            blank[name] = ibis.literal([] if dtype.value_type.is_string() else [0], dtype)
        else:
            blank[name] = ibis.literal(0, "int8").cast(dtype)  # to Spark a 0.0 would be a double
    one = ibis.range(1).unnest().name("one").as_table()
    return one.select(**blank).union(rows).order_by(index)


def indexed(rows: ibis.Table, users: ibis.Table, items: ibis.Table) -> ibis.Table:
    """Replace ids by indices of the user and item tables (int32); 0 is one that is not there."""
    for name, table in (("user", users), ("item", items)):
        key = f"{name}_id"
        rows = rows.left_join(table.select(key, name), key).drop(key, f"{key}_right")
    ordered = rows.fill_null({"user": 0, "item": 0}).order_by("user", "item", "rating")
    return ordered.select(
        "user", "item", "rating", *(["block"] if "block" in ordered.columns else [])
    )


def features(clean: Path, settings: Features, engine: Engine, out: Path) -> None:
    """Read the clean tables, write the feature tables to ``out``.

    Raises:
        UserError: the split leaves no training, validation or test rows, or cannot be made.
    """
    ratings, catalogue, details = (
        engine.backend.read_parquet(clean / f"{name}.parquet")
        for name in ("ratings", "items", "users")
    )
    rows = engine.keep(split(ratings, settings, method_of(ratings, settings.split)))
    train, valid, test = (rows.filter(_.part == part) for part in (TRAIN, VALID, TEST))
    train = dealt(train, settings.seed)

    people = details.select("user_id", "name", "completed", "plan_to_watch")
    user_table = engine.keep(users(entities(people, train, "user")))
    described = engine.keep(entities(catalogue, train, "item"))
    item_rows, words = items(described, settings.min_titles_per_value)
    item_table = engine.keep(item_rows)
    for name, part in (("train", train), ("valid", valid), ("test", test)):
        engine.write(indexed(part.drop("part"), user_table, item_table), out / f"{name}.parquet")
        if pq.read_metadata(out / f"{name}.parquet").num_rows == 0:
            raise UserError(
                f"features: the {name} part has no rows; check features.test_share, "
                "features.valid_share and features.min_ratings against the number of ratings."
            )
    engine.write(with_unknown(user_table, "user"), out / "users.parquet")
    engine.write(with_unknown(item_table, "item"), out / "items.parquet")
    engine.write(with_unknown(titles(described), "item", null=("year",)), out / "titles.parquet")
    pq.write_table(table_of(words), out / "vocabularies.parquet", compression="snappy")


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    with replacing(FEATURES) as out, connect(config.engine) as engine:
        features(CLEAN, config.features, engine, out)


if __name__ == "__main__":
    run_stage(main, __doc__)
