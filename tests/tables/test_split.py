"""Split: the part of a rating depends on its ids, and on other rows only if the method needs it."""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest
from helpers.tables import table
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.settings.sections import Features
from pipeline.tables.split import TEST, TRAIN, VALID, method_of, split

SETTINGS = Features(
    split="auto", seed=0, test_share=0.2, valid_share=0.1, min_ratings=1, min_titles_per_value=1
)
METHODS = ["random", "per_user", "cold_user", "cold_item", "temporal", "predefined"]


def ratings(n=6000, users=150, items=120):
    """Random ratings without repeated pairs."""
    random = np.random.default_rng(0)
    pairs = random.permutation(users * items)[:n]
    return pd.DataFrame(
        {
            "user_id": pairs // items + 1,
            "item_id": pairs % items + 1,
            "rating": random.integers(1, 11, n).astype("int8"),
            "timestamp": random.integers(0, 10_000, n).astype("int32"),
            "is_test": pairs % 7 == 0,
        }
    )


def parts_of(rows, method, settings=SETTINGS):
    """The part of each pair, in the order of ids."""
    parts = split(ibis.memtable(rows), settings, method).execute()
    return parts.set_index(["user_id", "item_id"]).part.sort_index()


def with_parts(rows, method, settings=SETTINGS):
    return rows.join(parts_of(rows, method, settings), on=["user_id", "item_id"])


@pytest.mark.parametrize("method", METHODS[:-1])
def test_the_shares_are_those_of_the_settings(method):
    shares = parts_of(ratings(), method).value_counts(normalize=True)
    near = 0.12 if method.startswith("cold") else 0.015  # few users and titles: more variance
    assert shares[TEST] == pytest.approx(0.2, abs=near)
    assert shares[VALID] == pytest.approx(0.08, abs=near)


@pytest.mark.parametrize("method", METHODS)
@given(st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(method, seed):
    rows = ratings(600)
    shuffled = rows.sample(frac=1, random_state=seed)
    assert parts_of(shuffled, method).equals(parts_of(rows, method))


@pytest.mark.parametrize("method", ["random", "cold_user", "cold_item", "predefined"])
@given(st.integers(0, 1000), st.integers(1, 599))
def test_the_part_of_a_rating_does_not_depend_on_other_rows(method, seed, some):
    rows = ratings(600)
    whole, few = (parts_of(r, method) for r in (rows, rows.sample(some, random_state=seed)))
    assert few.equals(whole[whole.index.isin(few.index)])


def test_per_user_the_ratings_of_other_users_do_not_matter():
    rows = ratings()
    few = parts_of(rows[rows.user_id % 3 == 0], "per_user")
    whole = parts_of(rows, "per_user")
    assert few.equals(whole[whole.index.isin(few.index)])


def test_per_user_each_user_has_the_test_share_and_some_training_ratings():
    rows = with_parts(ratings(), "per_user")
    counts = rows.groupby("user_id").part.agg(
        test=lambda part: (part == TEST).sum(), train=lambda part: (part == TRAIN).sum(), n="size"
    )
    assert ((counts.test - 0.2 * counts.n).abs() <= 0.5 + 1e-9).all()
    assert (counts.train > 0).all()


def test_per_user_a_single_rating_is_for_training():
    rows = ratings(150).drop_duplicates("user_id")
    assert (parts_of(rows, "per_user") == TRAIN).all()


@pytest.mark.parametrize("key", ["user", "item"])
def test_cold_all_ratings_of_a_user_or_title_are_in_one_part(key):
    rows = with_parts(ratings(), f"cold_{key}")
    sides = rows.groupby(f"{key}_id").part.nunique()
    assert (sides == 1).all()
    assert rows.part.nunique() == 3


def test_temporal_training_validation_and_test_follow_each_other_in_time():
    rows = with_parts(ratings(), "temporal")
    times = rows.groupby("part").timestamp.agg(["min", "max"])
    assert times.loc[TRAIN, "max"] < times.loc[VALID, "min"]
    assert times.loc[VALID, "max"] < times.loc[TEST, "min"]


def test_predefined_the_test_set_is_that_of_the_source_and_the_rest_is_random():
    rows = with_parts(ratings(), "predefined")
    assert ((rows.part == TEST) == rows.is_test).all()
    assert (rows.part == VALID).sum() == pytest.approx(0.1 * (~rows.is_test).sum(), rel=0.15)


@pytest.mark.parametrize("method", ["random", "per_user", "cold_user", "cold_item"])
def test_another_seed_splits_differently(method):
    other = parts_of(ratings(), method, replace(SETTINGS, seed=1))
    assert (parts_of(ratings(), method) == other).mean() < 0.8


def test_users_and_titles_with_too_few_training_ratings_are_not_trained_on():
    rows = ratings(3000)
    everyone = with_parts(rows, "random")
    few = parts_of(rows, "random", replace(SETTINGS, min_ratings=15))
    train = everyone[everyone.part == TRAIN]
    enough = [train.groupby(key).rating.transform("size") >= 15 for key in ("user_id", "item_id")]
    expected = train[enough[0] & enough[1]]
    assert 0 < len(expected) < len(train)
    pairs = set(map(tuple, expected[["user_id", "item_id"]].to_numpy()))
    assert set(few[few == TRAIN].index) == pairs
    assert (few != TRAIN).sum() == (everyone.part != TRAIN).sum()


def test_auto_is_predefined_if_the_source_has_a_test_set_and_otherwise_random():
    rows = ratings(50)
    assert method_of(ibis.memtable(rows), "auto") == "predefined"
    assert method_of(ibis.memtable(rows.assign(is_test=False)), "auto") == "random"
    assert method_of(ibis.memtable(rows), "random") == "random"


@pytest.mark.parametrize(
    ("asked", "message"), [("predefined", "no test set of its own"), ("temporal", "a timestamp")]
)
def test_a_split_that_the_data_does_not_allow_is_refused(asked, message):
    rows = table(is_test=[False, False], timestamp=[1, None])
    with pytest.raises(UserError, match=message):
        method_of(rows, asked)
