"""Leak probes: pass on honest tables, fail as soon as one input contains ratings to predict."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import UserError
from pipeline.evaluation import leaks
from pipeline.evaluation.metrics import Bootstrap
from pipeline.tables.rows import read_tables

BOOTSTRAP = Bootstrap(resamples=100, seed=0)
USERS, ITEMS, RATINGS = 300, 80, 9000


def write(folder, summed=("train",), completed=None, listed=None):
    """Write feature tables with planted user and item effects.

    Args:
        folder: where to.
        summed: parts whose ratings are in the sums and counts; only the training rows may be.
        completed: makes the attribute ``completed`` from all rows; by default it is the user effect
            with noise.
        listed: the part of which a pair is among the titles watched; by default none is.
    """
    random = np.random.default_rng(0)
    pair = random.choice(USERS * ITEMS, RATINGS, replace=False)
    user, item = pair // ITEMS + 1, pair % ITEMS + 1
    taste, quality = random.normal(size=USERS + 1), random.normal(size=ITEMS + 1)
    rating = np.clip(np.rint(6 + taste[user] + quality[item] + random.normal(size=RATINGS)), 1, 10)
    part = random.choice(["train", "valid", "test"], RATINGS, p=[0.7, 0.1, 0.2])
    rows = pd.DataFrame({"user": user, "item": item, "rating": rating, "part": part})
    rows = rows.astype({"user": "int32", "item": "int32", "rating": "int8"})
    rows["block"] = random.integers(0, 16, RATINGS).astype("int8")
    for name, part_rows in rows.groupby("part"):
        part_rows.drop(columns="part").to_parquet(folder / f"{name}.parquet", index=False)
    others = np.setdiff1d(np.arange(USERS * ITEMS), pair)[::-1]
    watched = pd.DataFrame({"user": others // ITEMS + 1, "item": others % ITEMS + 1}, dtype="int32")
    watched = pd.concat([watched, rows[rows["part"] == listed][["user", "item"]][:1]])
    watched.to_parquet(folder / "watched.parquet", index=False)
    rows = rows[rows["part"].isin(summed)] if completed is None else rows
    values = {"completed": taste + random.normal(size=USERS + 1)}  # honest: no rating is in it
    if completed:
        values = {"completed": completed(rows)}
    for name, size in (("user", USERS), ("item", ITEMS)):
        grouped = rows[rows["part"].isin(summed)].groupby(name).rating
        columns = {
            name: np.arange(size + 1, dtype="int32"),
            f"{name}_sum": grouped.sum().reindex(range(size + 1), fill_value=0).astype("int32"),
            f"{name}_count": grouped.count().reindex(range(size + 1), fill_value=0).astype("int32"),
        }
        blank = np.zeros(size + 1, "float32")
        if name == "user":
            columns |= {"completed": np.float32(values["completed"]), "plan_to_watch": blank}
        else:
            codes = {f: np.ones(size + 1, "int32") for f in ("type", "source")}
            lists = {f: pa.array([[1]] * (size + 1)) for f in ("genres", "studios")}
            columns |= {"episodes": quality.astype("float32"), "year": blank, **codes, **lists}
        pq.write_table(pa.table(columns), folder / f"{name}s.parquet")
    return folder


def probe(folder):
    return leaks.probe(read_tables(folder), BOOTSTRAP)


def test_honest_tables_pass_even_if_attributes_tell_much_of_taste(tmp_path):
    results = probe(write(tmp_path))
    assert results["histories"] == 0
    assert results["attributes"].keys() == {"user.completed", "item.episodes"}
    for name in ("shuffled_test", "shuffled_train"):
        assert results[name][0] < leaks.MAX_GAIN


def test_sums_that_include_test_rows_fail(tmp_path):
    with pytest.raises(UserError, match=r"LEAK: .* probes: histories \(\d+ users or titles\)\."):
        probe(write(tmp_path, summed=("train", "test")))


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_pair_of_any_part_among_the_titles_watched_fails(tmp_path, part):
    with pytest.raises(UserError, match=r"LEAK: .* probes: watched \(1 ratings\)\."):
        probe(write(tmp_path, listed=part))


def test_an_attribute_that_is_the_mean_of_all_ratings_fails(tmp_path):
    def published(rows):
        mean = rows.groupby("user").rating.mean().reindex(range(USERS + 1)).fillna(6)
        return np.log1p(mean) - np.log1p(6)  # scaled as the features stage does

    with pytest.raises(UserError, match=r"LEAK: .* probes: user\.completed\."):
        probe(write(tmp_path, completed=published))


def test_a_rounded_mean_of_all_ratings_fails_too(tmp_path):
    def published(rows):
        mean = rows.groupby("user").rating.mean().reindex(range(USERS + 1)).fillna(6)
        return mean.round(1) - 6

    with pytest.raises(UserError, match=r"user\.completed"):
        probe(write(tmp_path, completed=published))


def test_a_history_that_includes_the_rating_of_its_row_fails(tmp_path, monkeypatch):
    honest = leaks.with_earlier

    def leaky(table, rating):
        rows = honest(table, rating)
        return rows | {
            "user_sum": rows["user_sum"] + rating.astype("int32"),
            "user_count": rows["user_count"] + 1,
        }

    monkeypatch.setattr(leaks, "with_earlier", leaky)
    with pytest.raises(UserError, match=r"LEAK: .* probes: shuffled_train\."):
        probe(write(tmp_path))


def test_means_over_all_rows_as_in_public_notebooks_fail(tmp_path, monkeypatch):
    def leaky(table, rating):
        columns = {name: table[name] for name in ("user", "item")}
        return columns | {
            f"{name}_{figure}": np.bincount(rows, weights)[rows].astype("int32")
            for name, rows in columns.items()
            for figure, weights in (("sum", rating), ("count", None))
        }

    monkeypatch.setattr(leaks, "with_earlier", leaky)
    with pytest.raises(UserError, match=r"users or titles\), shuffled_test\."):
        probe(write(tmp_path, summed=("train", "valid", "test")))
