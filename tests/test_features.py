"""Features: learned from the training rows alone; no history holds the row's own rating."""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest
from helpers.tables import table
from hypothesis import given
from hypothesis import strategies as st

from pipeline import features
from pipeline.errors import UserError
from pipeline.settings.sections import Features
from pipeline.tables.earlier import BLOCKS, HISTORY, earlier
from pipeline.tables.rows import read_rows
from pipeline.tables.split import TRAIN, split, uniform

SETTINGS = Features(
    split="auto", seed=0, test_share=0.2, valid_share=0.1, min_ratings=1, min_titles_per_value=1
)


def ratings(n=3000, seed=0):
    """Random ratings of 60 users and 120 titles, without repeated pairs."""
    random = np.random.default_rng(seed)
    pairs = random.permutation(60 * 120)[:n]
    return pd.DataFrame(
        {
            "user_id": pairs // 120 + 1,
            "item_id": pairs % 120 + 1,
            "rating": random.integers(1, 11, n).astype("int8"),
            "timestamp": random.integers(0, 1000, n).astype("int32"),
            "is_test": False,
        }
    )


def unrated():
    """The pairs of the same users and titles that have no rating in ``ratings()``."""
    pairs = np.arange(60 * 120)
    every = pd.DataFrame({"user_id": pairs // 120 + 1, "item_id": pairs % 120 + 1}, dtype="int32")
    rated = pd.MultiIndex.from_frame(ratings()[["user_id", "item_id"]])
    return every[~pd.MultiIndex.from_frame(every).isin(rated)]


def clean_tables(folder, rows, watched, others):
    genres = [["Action", "Drama"], ["Comedy"], []]
    items = pd.DataFrame(
        {
            "item_id": range(1, 131), "title": [f"Title {i}" for i in range(1, 131)],
            "english": [None, "In English"] * 65,
            "genres": [genres[i % 3] for i in range(129)] + [["Only in a title nobody rated"]],
            "type": ["TV", "Movie"] * 65, "source": ["Manga", None] * 65,
            "studios": [["Bones"]] * 130, "episodes": range(1, 131), "year": [1999, 2003] * 65,
        }
    )  # fmt: skip
    names = [f"user{i}" for i in range(1, 71)]
    users = pd.DataFrame(
        {"user_id": range(1, 71), "name": names, "completed": range(70), "plan_to_watch": [1] * 70}
    )
    pairs = pd.DataFrame(watched, columns=["user_id", "item_id"], dtype="int32")
    tables = {"ratings": rows, "watched": pairs, "items": items, "users": users}
    for name, frame in tables.items():
        ibis.memtable(frame).to_parquet(folder / f"{name}.parquet")
    ids = pd.DataFrame(others, columns=["kind", "id", "outside"]).astype(
        {"kind": "str", "id": "int32", "outside": "str"}
    )
    ids.to_parquet(folder / "ids.parquet", index=False)


def build(engine, folder, rows, settings=SETTINGS, watched=(), others=()):
    """Run the stage on ratings and pairs watched; returns its tables as frames by name."""
    clean, out = folder / "clean", folder / "features"
    for path in (clean, out):
        path.mkdir(parents=True)
    clean_tables(clean, rows, watched, others)
    features.features(clean, settings, engine, out)
    return {file.stem: pd.read_parquet(file) for file in out.iterdir()}


def with_ids(tables, part):
    rows = tables[part].merge(tables["users"][["user", "user_id"]], on="user")
    return rows.merge(tables["items"][["item", "item_id"]], on="item")


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0, 100), st.integers(0, 2))
def test_the_hash_is_in_the_unit_interval_without_overflow(user, item, seed, purpose):
    row = table(u=np.array([user], "int32"), i=np.array([item], "int32"))
    assert 0 <= row.select(h=uniform(row.u, row.i, seed, purpose)).execute().h[0] < 1


def test_the_hash_is_uniform_and_uncorrelated_between_neighbours_and_purposes():
    grid = table(u=np.repeat(np.arange(300), 300), i=np.tile(np.arange(300), 300))
    hashed = grid.order_by("u", "i").select(h=uniform(grid.u, grid.i, 0, 0)).execute().h
    assert np.histogram(hashed, 10)[0] == pytest.approx(9000, rel=0.05)
    draws = [uniform(grid.u, grid.i, 0, purpose) for purpose in range(3)]
    drawn = grid.select(**{f"purpose{i}": draw for i, draw in enumerate(draws)}).execute().corr()
    assert drawn.to_numpy()[np.triu_indices(3, 1)] == pytest.approx(0, abs=0.02)
    square = hashed.to_numpy().reshape(300, 300)
    assert abs(np.corrcoef(square[1:].ravel(), square[:-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(square[:, 1:].ravel(), square[:, :-1].ravel())[0, 1]) < 0.02


def test_a_predefined_test_set_is_the_test_set_and_all_else_is_for_training(engine, tmp_path):
    rows = ratings()
    rows["is_test"] = rows.index % 7 == 0
    tables = build(engine, tmp_path, rows)
    tested = with_ids(tables, "test")[["user_id", "item_id", "rating"]].astype(int)
    expected = rows[rows.is_test][["user_id", "item_id", "rating"]].astype(int)
    assert set(map(tuple, tested.to_numpy())) == set(map(tuple, expected.to_numpy()))
    assert len(tables["train"]) + len(tables["valid"]) == (~rows.is_test).sum()


def test_the_history_of_a_training_row_does_not_hold_its_own_rating(engine, tmp_path):
    rows = ratings()
    before = build(engine, tmp_path / "before", rows)
    changed = with_ids(before, "train").iloc[1234]
    mine = (rows.user_id == changed.user_id) & (rows.item_id == changed.item_id)
    rows.loc[mine, "rating"] = 11 - rows.loc[mine, "rating"]
    build(engine, tmp_path / "after", rows)
    known, rating = read_rows(tmp_path / "before" / "features", "train")
    known_after, rating_after = read_rows(tmp_path / "after" / "features", "train")
    (where,) = np.nonzero((known["user"] == changed.user) & (known["item"] == changed["item"]))
    assert rating_after[where] == 11 - rating[where]
    for name in HISTORY:
        assert known_after[name][where] == known[name][where]


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, BLOCKS - 1), st.integers(1, 10)), min_size=1
    )
)
def test_a_history_is_the_sum_and_count_of_the_ratings_in_earlier_blocks(rows):
    user, block, rating = (np.array(column) for column in zip(*rows, strict=True))
    cell = user * BLOCKS + block
    mine = user[:, None] == user[None, :]
    before = mine & (block[None, :] < block[:, None])
    assert (earlier(cell) == before.sum(axis=1)).all()
    assert (earlier(cell, rating) == (before * rating).sum(axis=1)).all()


def test_training_histories_have_every_length_and_histories_of_held_out_rows_are_complete(
    engine, tmp_path
):
    build(engine, tmp_path, ratings())
    known, _ = read_rows(tmp_path / "features", "train")
    share = known["user_count"] / np.bincount(known["user"])[known["user"]]
    assert np.histogram(share, 4, (0, 1))[0].min() > 0.15 * len(share)
    held_out, _ = read_rows(tmp_path / "features", "test")
    assert (held_out["user_count"] == np.bincount(known["user"])[held_out["user"]]).all()


def test_no_table_but_their_own_depends_on_validation_or_test_ratings(engine, tmp_path):
    rows = ratings()
    before = build(engine, tmp_path / "before", rows)
    part = split(ibis.memtable(rows), SETTINGS, "random").execute()
    held_out = part[part.part != TRAIN].set_index(["user_id", "item_id"]).index
    hidden = pd.MultiIndex.from_frame(rows[["user_id", "item_id"]]).isin(held_out)
    rows.loc[hidden, "rating"] = 1
    after = build(engine, tmp_path / "after", rows)
    for name in ("train", "users", "items", "titles", "vocabularies"):
        pd.testing.assert_frame_equal(before[name], after[name])
    pd.testing.assert_frame_equal(
        before["test"].drop(columns="rating"), after["test"].drop(columns="rating")
    )


def test_totals_in_the_tables_are_those_of_the_training_rows_alone(engine, tmp_path):
    tables = build(engine, tmp_path, ratings())
    for name in ("user", "item"):
        totals = tables["train"].groupby(name).rating.agg(["sum", "count"])
        known = tables[f"{name}s"].set_index(name).loc[totals.index]
        assert (known[f"{name}_sum"] == totals["sum"]).all()
        assert (known[f"{name}_count"] == totals["count"]).all()
        assert tables[f"{name}s"].query(f"{name}_count > 0")[name].tolist() == list(totals.index)


def test_row_zero_is_the_unknown_user_or_title_and_an_unknown_value_has_index_zero(
    engine, tmp_path
):
    tables = build(engine, tmp_path, ratings())
    assert tables["users"].iloc[0].drop(["user_id", "name"]).eq(0).all()
    assert np.isnan(tables["users"].user_id[0])
    assert list(tables["items"].genres[0]) == [0]
    assert tables["titles"].iloc[0][["title", "type", "year"]].isna().all()
    unseen = tables["items"].set_index("item_id").loc[130]
    assert list(unseen.genres) == [0]
    assert "Only in a title nobody rated" not in set(tables["vocabularies"].value)
    words = tables["vocabularies"].query("feature == 'genres'")
    assert dict(zip(words.value, words["index"], strict=True)) == {
        "Action": 1,
        "Comedy": 2,
        "Drama": 3,
    }


def test_a_value_of_too_few_trained_titles_counts_as_unknown(engine, tmp_path):
    rows = ratings()
    few = replace(SETTINGS, min_titles_per_value=41)  # a third of 120 titles is Comedy: 40
    words = build(engine, tmp_path, rows, few)["vocabularies"].value
    assert "Comedy" not in set(words)
    assert "TV" in set(words)


def test_the_same_input_gives_the_same_bytes(engine, tmp_path):
    for run in ("one", "two"):
        rows, pairs = (
            frame.sample(frac=1, random_state=len(run)) for frame in (ratings(), unrated())
        )
        build(engine, tmp_path / run, rows, watched=pairs)
    for file in (tmp_path / "one" / "features").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / "features" / file.name).read_bytes()


def test_titles_watched_have_the_rows_of_their_user_and_title_in_the_tables(engine, tmp_path):
    tables = build(engine, tmp_path, ratings(), watched=unrated())
    watched = tables["watched"]
    assert watched.dtypes.astype(str).to_dict() == {"user": "int32", "item": "int32"}
    assert watched.equals(watched.sort_values(["user", "item"], ignore_index=True))
    pairs = with_ids(tables, "watched")[["user_id", "item_id"]].astype(int)
    assert set(map(tuple, pairs.to_numpy())) == set(map(tuple, unrated().to_numpy()))


def test_a_pair_that_is_rated_in_any_part_is_not_watched_without_a_rating(engine, tmp_path):
    rows = ratings()
    tables = build(engine, tmp_path, rows, watched=rows[["user_id", "item_id"]])
    assert len(tables["watched"]) == 0
    assert list(tables["watched"].columns) == ["user", "item"]


@pytest.mark.parametrize("new", ["user", "item"])
def test_titles_watched_tell_nothing_about_users_or_titles_that_only_the_test_set_has(
    engine, tmp_path, new
):
    settings = replace(SETTINGS, split=f"cold_{new}")
    tables = build(engine, tmp_path, ratings(), settings, watched=unrated())
    known = tables[f"{new}s"].query(f"{new}_count > 0")
    watched = with_ids(tables, "watched")
    assert set(watched[new]) == set(known[new])
    expected = unrated()[f"{new}_id"].isin(known[f"{new}_id"]).sum()
    assert 0 < len(watched) == expected < len(unrated())


def test_users_and_titles_without_any_rating_are_not_watched_either(engine, tmp_path):
    pairs = [(65, 5), (5, 125), (999, 5), (5, 999)]
    assert len(build(engine, tmp_path, ratings(), watched=pairs)["watched"]) == 0


def test_too_few_rows_to_split_are_reported_with_their_numbers_and_the_settings(engine, tmp_path):
    said = r"the valid part has no rows: .* \d train, 0 valid, \d test .*test_share=0\.2"
    with pytest.raises(UserError, match=said):
        build(engine, tmp_path, ratings(3))


def test_titles_have_their_names_and_attributes_as_text_in_the_rows_of_items(engine, tmp_path):
    tables = build(engine, tmp_path, ratings())
    titles = tables["titles"]
    assert titles["item_id"].equals(tables["items"]["item_id"])
    first = titles.set_index("item_id").loc[1]
    assert (first.title, list(first.genres), first.type, first.year) == (
        "Title 1",
        ["Action", "Drama"],
        "TV",
        1999,
    )
    assert titles.set_index("item_id").loc[2].english == "In English"
    blank = titles.iloc[0]
    assert blank[["title", "english", "type"]].isna().all()
    assert len(blank.genres) == 0
    assert tables["users"].set_index("user_id").loc[3, "name"] == "user3"
