"""Features: split first; nothing learned has seen validation or test rows, nor a row itself."""

import ibis
import numpy as np
import pandas as pd
import pytest
from conftest import table
from hypothesis import given
from hypothesis import strategies as st

from pipeline import features
from pipeline.config import Features
from pipeline.errors import UserError
from pipeline.split import split, uniform
from pipeline.tables import HISTORY

SETTINGS = Features(seed=0, test_share=0.2, valid_share=0.1, min_ratings=1)


def ratings(n=3000, seed=0):
    """Random ratings of 60 users and 120 titles, each pair once."""
    random = np.random.default_rng(seed)
    pairs = random.permutation(60 * 120)[:n]
    return pd.DataFrame(
        {
            "user_id": pairs // 120 + 1,
            "item_id": pairs % 120 + 1,
            "rating": random.integers(1, 11, n).astype("int8"),
            "is_test": False,
        }
    )


def clean_tables(folder, rows):
    genres = [["Action", "Drama"], ["Comedy"], []]
    items = pd.DataFrame(
        {
            "item_id": range(1, 131), "title": [f"Title {i}" for i in range(1, 131)],
            "genres": [genres[i % 3] for i in range(129)] + [["Only in a title nobody rated"]],
            "type": ["TV", "Movie"] * 65, "source": ["Manga", None] * 65,
            "studios": [["Bones"]] * 130, "episodes": range(1, 131),
        }
    )  # fmt: skip
    users = pd.DataFrame(
        {"user_id": range(1, 71), "completed": range(70), "plan_to_watch": [1] * 70}
    )
    for name, frame in (("ratings", rows), ("items", items), ("users", users)):
        ibis.memtable(frame).to_parquet(folder / f"{name}.parquet")


def build(folder, rows, settings=SETTINGS):
    """Run the stage on ``rows``; returns each table as a frame."""
    clean, out = folder / "clean", folder / "features"
    for path in (clean, out):
        path.mkdir(parents=True)
    clean_tables(clean, rows)
    features.features(clean, settings, out)
    return {file.stem: pd.read_parquet(file) for file in out.iterdir()}


def parts_of(rows, settings=SETTINGS, predefined=False):
    parts = split(ibis.memtable(rows), settings, predefined).execute()
    return parts.set_index(["user_id", "item_id"]).part.sort_index()


def with_ids(tables, part):
    rows = tables[part].merge(tables["users"][["user", "user_id"]], on="user")
    return rows.merge(tables["items"][["item", "item_id"]], on="item")


def test_the_shares_are_those_asked_for():
    shares = parts_of(ratings(7000)).value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.015)
    assert shares["valid"] == pytest.approx(0.08, abs=0.01)


@given(st.integers(0, 1000), st.integers(1, 2999))
def test_the_part_of_a_row_depends_on_no_other_row_and_on_no_order(seed, some):
    rows = ratings()
    whole, few = parts_of(rows), parts_of(rows.sample(some, random_state=seed))
    assert few.equals(whole[whole.index.isin(few.index)])


def test_another_seed_splits_otherwise_and_the_same_seed_the_same():
    other = Features(seed=1, test_share=0.2, valid_share=0.1, min_ratings=1)
    assert parts_of(ratings()).equals(parts_of(ratings()))
    assert (parts_of(ratings()) == parts_of(ratings(), other)).mean() < 0.75


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0, 100), st.integers(0, 2))
def test_the_hash_is_in_the_unit_interval_without_overflow(user, item, seed, use):
    row = table(u=np.array([user], "int32"), i=np.array([item], "int32"))
    assert 0 <= row.select(h=uniform(row.u, row.i, seed, use)).execute().h[0] < 1


def test_the_hash_is_uniform_and_neighbours_are_unrelated():
    grid = table(u=np.repeat(np.arange(300), 300), i=np.tile(np.arange(300), 300))
    hashed = grid.order_by("u", "i").select(h=uniform(grid.u, grid.i, 0, 0)).execute().h
    assert np.histogram(hashed, 10)[0] == pytest.approx(9000, rel=0.05)
    uses = [uniform(grid.u, grid.i, 0, use) for use in range(3)]
    drawn = grid.select(**{f"use{i}": use for i, use in enumerate(uses)}).execute().corr()
    assert drawn.to_numpy()[np.triu_indices(3, 1)] == pytest.approx(0, abs=0.02)
    square = hashed.to_numpy().reshape(300, 300)
    assert abs(np.corrcoef(square[1:].ravel(), square[:-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(square[:, 1:].ravel(), square[:, :-1].ravel())[0, 1]) < 0.02


def test_a_predefined_test_set_is_the_test_set_and_all_else_is_for_training(tmp_path):
    rows = ratings()
    rows["is_test"] = rows.index % 7 == 0
    tables = build(tmp_path, rows)
    tested = with_ids(tables, "test")[["user_id", "item_id", "rating"]].astype(int)
    expected = rows[rows.is_test][["user_id", "item_id", "rating"]].astype(int)
    assert set(map(tuple, tested.to_numpy())) == set(map(tuple, expected.to_numpy()))
    assert len(tables["train"]) + len(tables["valid"]) == (~rows.is_test).sum()


def test_a_training_row_does_not_know_its_own_rating(tmp_path):
    rows = ratings()
    before = build(tmp_path / "before", rows)
    changed = with_ids(before, "train").iloc[1234]
    mine = (rows.user_id == changed.user_id) & (rows.item_id == changed.item_id)
    rows.loc[mine, "rating"] = 11 - rows.loc[mine, "rating"]
    after = build(tmp_path / "after", rows)
    where = (after["train"].user == changed.user) & (after["train"]["item"] == changed["item"])
    assert after["train"].loc[where, "rating"].item() == 11 - changed.rating
    pd.testing.assert_frame_equal(
        before["train"].loc[where, HISTORY], after["train"].loc[where, HISTORY]
    )


@given(st.lists(st.integers(1, 10), min_size=1, max_size=12), st.integers(0, 50))
def test_a_history_is_the_sum_and_count_of_earlier_ratings_and_so_of_none_to_all_but_one(
    stars, seed
):
    rows = table(user_id=[1] * len(stars), item_id=range(len(stars)), rating=stars)
    rows = features.histories(rows, seed).execute().sort_values("user_count")
    assert rows.user_count.tolist() == list(range(len(stars)))
    assert rows.user_sum.tolist() == [0, *np.cumsum(rows.rating)[:-1]]
    assert (rows.item_count == 0).all()


def test_nothing_learned_has_seen_a_validation_or_test_row(tmp_path):
    rows = ratings()
    before = build(tmp_path / "before", rows)
    held_out = parts_of(rows).loc[lambda part: part != "train"].index
    hidden = pd.MultiIndex.from_frame(rows[["user_id", "item_id"]]).isin(held_out)
    rows.loc[hidden, "rating"] = 1
    after = build(tmp_path / "after", rows)
    for name in ("train", "users", "items", "vocabularies"):
        pd.testing.assert_frame_equal(before[name], after[name])
    pd.testing.assert_frame_equal(
        before["test"].drop(columns="rating"), after["test"].drop(columns="rating")
    )


def test_the_tables_carry_the_totals_of_the_training_rows_alone(tmp_path):
    tables = build(tmp_path, ratings())
    for name in ("user", "item"):
        totals = tables["train"].groupby(name).rating.agg(["sum", "count"])
        known = tables[f"{name}s"].set_index(name).loc[totals.index]
        assert (known[f"{name}_sum"] == totals["sum"]).all()
        assert (known[f"{name}_count"] == totals["count"]).all()
        assert tables[f"{name}s"].query(f"{name}_count > 0")[name].tolist() == list(totals.index)


def test_row_zero_stands_for_anyone_unknown_and_an_unseen_value_has_index_zero(tmp_path):
    tables = build(tmp_path, ratings())
    assert tables["users"].iloc[0].drop("user_id").eq(0).all()
    assert np.isnan(tables["users"].user_id[0])
    assert list(tables["items"].genres[0]) == [0]
    unseen = tables["items"].set_index("item_id").loc[130]
    assert list(unseen.genres) == [0]
    assert "Only in a title nobody rated" not in set(tables["vocabularies"].value)
    words = tables["vocabularies"].query("feature == 'genres'")
    assert dict(zip(words.value, words["index"], strict=True)) == {
        "Action": 1,
        "Comedy": 2,
        "Drama": 3,
    }


def test_users_and_titles_with_too_few_training_ratings_are_not_trained_on():
    few = Features(seed=0, test_share=0.2, valid_share=0.1, min_ratings=25)
    rows, part = ratings(1500), parts_of(ratings(1500), few)
    everyone = parts_of(rows)
    counts = everyone[everyone == "train"].groupby("user_id").size()
    assert (part == "train").groupby("user_id").any().sum() <= (counts >= 25).sum() < 60
    assert (part != "train").sum() == (everyone != "train").sum()


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for run in ("one", "two"):
        build(tmp_path / run, ratings().sample(frac=1, random_state=len(run)))
    for file in (tmp_path / "one" / "features").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / "features" / file.name).read_bytes()


def test_too_few_rows_to_split_is_said_plainly(tmp_path):
    with pytest.raises(UserError, match=r"the valid part has no rows; check features\.test_share"):
        build(tmp_path, ratings(3))
