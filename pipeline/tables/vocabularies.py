"""Vocabularies: the values of an attribute, and the index of each; 0 is any other value."""

import ibis
import pyarrow as pa
from ibis import _

from pipeline.tables.engine import collect


def vocabulary(values: ibis.Column, min_count: int) -> list[str]:
    """Return the values that occur at least ``min_count`` times, sorted.

    The model's index of a value is its position in this list, from 1.
    """
    counts = values.name("value").as_table().group_by("value").agg(n=_.count())
    frequent = counts.filter(_.value.notnull() & (_.n >= min_count))
    return sorted(row["value"] for row in collect(frequent.select("value")))


def code(values: ibis.Value, known: list[str]) -> ibis.Value:
    """Encode a value as its index in the vocabulary ``known`` (int32); 0 if null or not in it."""
    position = ibis.literal(known, "array<string>").index(values)
    return (position.fill_null(-1) + 1).cast("int32")


def vocabulary_table(vocabularies: dict[str, list[str]]) -> pa.Table:
    """Return the vocabularies as one table: feature, value, index (int32, from 1)."""
    entries = [
        {"feature": feature, "value": value, "index": index}
        for feature, values in sorted(vocabularies.items())
        for index, value in enumerate(values, start=1)
    ]
    schema = {"feature": pa.string(), "value": pa.string(), "index": pa.int32()}
    return pa.Table.from_pylist(entries, schema=pa.schema(schema))
