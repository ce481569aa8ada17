"""Stage features: split first, then learn everything else from the training rows alone.

In: data/clean. Out, in data/features:

- ``train``, ``valid``, ``test``: a rating per row, as indices of the user and item tables, with
  what was known of the two from *other* training ratings (see ``histories``).
- ``users``, ``items``: a row per user and title with its attributes, ready to be gathered from.
  Row 0 stands for anyone unknown; rows 1 to K have training ratings; the others have attributes
  only, so the model knows what they are but has not learned them.
- ``vocabularies``: the index of each genre, type, source and studio; index 0 is any other value.
"""

from pathlib import Path

import ibis
from ibis import _

from pipeline.config import Features, load
from pipeline.errors import UserError, run_stage
from pipeline.split import ORDER, split, uniform
from pipeline.tables import CLEAN, FEATURES, HISTORY, replacing, write


def histories(train: ibis.Table, seed: int) -> ibis.Table:
    """Add to each training row the sum and count of *earlier* ratings of its user and its title.

    The order is random but fixed: the "ordered target statistics" of CatBoost (Prokhorenkova et
    al. 2018, arXiv 1706.09516). A row never sees its own rating, and unlike "all but mine" the
    column cannot be subtracted from a learned total to recover it. It also shows the model every
    length of history, from none on.
    """
    rows = train.mutate(place=uniform(_.user_id, _.item_id, seed, ORDER))
    sums = {}
    for name in ("user", "item"):
        earlier = ibis.window(
            group_by=f"{name}_id", order_by=["place", "user_id", "item_id"], preceding=(None, 1)
        )
        sums[f"{name}_sum"] = _.rating.sum().over(earlier).fill_null(0).cast("int32")
        sums[f"{name}_count"] = _.rating.count().over(earlier).cast("int32")
    return rows.mutate(**sums).drop("place")


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


def vocabulary(values: ibis.Column) -> list[str]:
    """Return the distinct values, sorted; a value's index in the model is its place, from 1."""
    column = values.name("value")
    return sorted(
        column.as_table().filter(_.value.notnull()).distinct().value.to_pyarrow().to_pylist()
    )


def code(values: ibis.Value, words: list[str]) -> ibis.Value:
    """Replace a value by its index in the vocabulary; 0 if it is missing or not there."""
    place = ibis.literal(words, "array<string>").index(values)
    return (place.fill_null(-1) + 1).cast("int32")


def users(details: ibis.Table, train: ibis.Table) -> ibis.Table:
    """Build the user table: user, user_id, user_sum, user_count, completed, plan_to_watch."""
    rows = entities(details, train, "user")
    learned = _.user_count > 0
    return rows.select(
        "user", "user_id", "user_sum", "user_count",
        completed=standardised(_.completed, learned),
        plan_to_watch=standardised(_.plan_to_watch, learned),
    )  # fmt: skip


def items(catalogue: ibis.Table, train: ibis.Table) -> tuple[ibis.Table, dict[str, list[str]]]:
    """Build the item table and the vocabularies of its attributes.

    Returns:
        item, item_id, title, item_sum, item_count, type and source (int32 index), genres and
        studios (lists of int32 index, never empty), episodes (float32); and the words of each
        vocabulary, from the titles that were trained on alone.
    """
    rows = entities(catalogue, train, "item")
    seen = rows.filter(_.item_count > 0)
    words = {name: vocabulary(seen[name]) for name in ("type", "source")}
    words |= {name: vocabulary(seen[name].unnest()) for name in ("genres", "studios")}

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
    ), words  # fmt: skip


def with_unknown(rows: ibis.Table, index: str) -> ibis.Table:
    """Put row 0 on top, for anyone unknown: no id, no history, every number at its mean."""
    blank: dict[str, object] = dict.fromkeys(rows.columns, 0)
    for name, dtype in rows.schema().items():
        if dtype.is_array():
            blank[name] = [0]
        elif name in ("user_id", "item_id", "title"):
            blank[name] = None
    return ibis.memtable([blank], schema=rows.schema()).union(rows).order_by(index)


def indexed(rows: ibis.Table, users: ibis.Table, items: ibis.Table) -> ibis.Table:
    """Replace ids by table indices, and add the histories of user and title where rows lack them.

    Returns:
        user, item (int32; 0 if unknown), rating (int8) and the four HISTORY columns (int32): of
        a row without its own, those of all training ratings.
    """
    history = [name for name in HISTORY if name not in rows.columns]
    for name, table in (("user", users), ("item", items)):
        columns = [f"{name}_id", name, *(column for column in history if name in column)]
        rows = rows.left_join(table.select(columns), f"{name}_id").drop(f"{name}_id_right")
    numbers = dict.fromkeys(("user", "item", *HISTORY), 0)
    rows = rows.order_by("user_id", "item_id").fill_null(numbers)
    return rows.select("user", "item", "rating", *HISTORY)


def features(clean: Path, settings: Features, out: Path) -> None:
    """Read the clean tables, write the six feature tables to ``out``.

    Raises:
        UserError: the split leaves no training, validation or test rows.
    """
    engine = ibis.duckdb.connect()
    ratings, catalogue, details = (
        engine.read_parquet(clean / f"{name}.parquet") for name in ("ratings", "items", "users")
    )
    predefined = bool(ratings.is_test.any().execute())
    rows = engine.create_table("rows", split(ratings, settings, predefined))
    train, valid, test = (rows.filter(_.part == part) for part in ("train", "valid", "test"))

    user_table = engine.create_table("user_table", users(details, train))
    item_rows, words = items(catalogue, train)
    item_table = engine.create_table("item_table", item_rows)
    parts = {"train": histories(train, settings.seed), "valid": valid, "test": test}
    for name, part in parts.items():
        if part.count().execute() == 0:
            raise UserError(
                f"features: the {name} part has no rows; check features.test_share, "
                "features.valid_share and features.min_ratings against the number of ratings."
            )
        write(indexed(part, user_table, item_table), out / f"{name}.parquet")
    write(with_unknown(user_table, "user"), out / "users.parquet")
    write(with_unknown(item_table, "item"), out / "items.parquet")
    entries = [
        {"feature": feature, "value": value, "index": index}
        for feature, values in words.items()
        for index, value in enumerate(values, start=1)
    ]
    schema = {"feature": "string", "value": "string", "index": "int32"}
    write(
        engine.create_table("words", entries, schema=ibis.schema(schema)),
        out / "vocabularies.parquet",
    )


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    with replacing(FEATURES) as out:
        features(CLEAN, config.features, out)


if __name__ == "__main__":
    run_stage(main, __doc__)
