"""Small tables, feature tables with a planted taste, and folders of real ratings."""

import os
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.paths import ROOT
from pipeline.tables.earlier import BLOCKS
from pipeline.tables.reading import complete, typed

USERS, ITEMS = 40, 30  # of the feature tables
REAL_DATA = Path(os.environ.get("ANIME_RATINGS_DATA", ROOT.parent / "shared" / "data"))


def table(**columns):
    """An Ibis table of a few rows."""
    return ibis.memtable(pd.DataFrame(columns))


def typed_rows(engine, columns, **cells):
    """The typed rows of a raw file with these text cells."""
    text = ibis.memtable(pd.DataFrame(cells).astype("string"))
    rows = complete(engine.numbered(typed(text, columns)), columns)
    return rows.mutate(file=ibis.literal("some.csv"))


def real_data(name):
    """A folder of real ratings; skips the test if it does not exist."""
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"real ratings are not at {folder}; set ANIME_RATINGS_DATA to their folder")
    return folder


def planted(folder):
    """Write feature tables where a user likes either the odd titles' genre or the even ones'."""
    random = np.random.default_rng(0)
    users, items = np.arange(USERS + 1), np.arange(ITEMS + 2)  # the last title has no ratings
    pair = random.permutation(USERS * ITEMS)
    user, item = (pair // ITEMS + 1).astype("int32"), (pair % ITEMS + 1).astype("int32")
    likes = np.where((user % 2) == (item % 2), 2, -2)
    rating = np.clip(6 + likes + random.integers(-1, 2, len(pair)), 1, 10).astype("int8")
    block = random.integers(0, BLOCKS, len(pair)).astype("int8")
    rows = pd.DataFrame({"user": user, "item": item, "rating": rating, "block": block})
    for part, where in (
        ("train", slice(0, 900)),
        ("valid", slice(900, 1050)),
        ("test", slice(1050, None)),
    ):
        rows.iloc[where].to_parquet(folder / f"{part}.parquet", index=False)
    rows.iloc[:0][["user", "item"]].to_parquet(folder / "watched.parquet", index=False)

    def table(name, index, /, **columns):
        train = rows.iloc[:900].groupby(name).rating.agg(["sum", "count"])
        known = train.reindex(index, fill_value=0).astype("int32")
        ids = pa.array([None, *(index[1:] * 10)], "int32")
        numbers = {f"{name}_{of}": known[of].to_numpy() for of in ("sum", "count")}
        plain = {name: index.astype("int32"), f"{name}_id": ids, **numbers, **columns}
        pq.write_table(pa.table(plain), folder / f"{name}s.parquet")

    zeros = np.zeros(len(items), "float32")
    names = {"name": pa.array([None, *(f"user{user}" for user in users[1:])], "string")}
    table("user", users, completed=0.0 * users, plan_to_watch=0.0 * users, **names)
    odd = [[1 + i % 2] for i in items]
    lists = {"genres": pa.array(odd), "studios": pa.array([[0] for _ in items])}
    codes = {"type": zeros.astype("int32"), "source": zeros.astype("int32")}
    texts = {"title": items.astype(str)}
    table("item", items, episodes=zeros, year=zeros, **texts, **codes, **lists)
    titles = {
        "item": pa.array(items, "int32"),
        "item_id": pa.array([None, *(items[1:] * 10)], "int32"),
        "title": pa.array([None, *(f"Title number {i}" for i in items[1:])], "string"),
        "english": pa.array([None, *(f"In English {i}" for i in items[1:])], "string"),
        "genres": pa.array([[], *(["Odd" if i % 2 else "Even"] for i in items[1:])]),
        "type": pa.array([None, *("TV" if i % 3 else "Movie" for i in items[1:])], "string"),
        "year": pa.array([None, *(1995 + items[1:])], "int32"),
    }
    pq.write_table(pa.table(titles), folder / "titles.parquet")
    words = {"feature": ["genres"] * 2, "value": ["Even", "Odd"], "index": [1, 2]}
    pq.write_table(pa.table(words), folder / "vocabularies.parquet")
    return folder
