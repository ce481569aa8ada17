"""Benchmarks of lists, of new users and of serving, on small models and a few ratings."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from benchmarks import lists, newcomers, serving, variants
from pipeline.artifact.watch import Join
from pipeline.errors import UserError
from pipeline.recommender.lists import load_lists
from pipeline.recommender.scorer import Scorer
from pipeline.tables.raw import SCORES_CSV


@pytest.fixture
def ratings(tmp_path):
    """A data set of six users with twelve ratings each, and a list that has two titles more."""
    pairs = [(user, 10 * title) for user in range(1, 7) for title in range(1, 13)]
    rows = [(user, f"user{user}", title, "Some title", 8) for user, title in pairs]
    columns = ["user_id", "Username", "anime_id", "Anime Title", "rating"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / SCORES_CSV, index=False)
    more = pd.DataFrame(
        [(1, 10, 8), (1, 130, -1), (2, 10, 8), (2, 140, -1)],
        columns=["user_id", "anime_id", "rating"],
    )
    more.to_csv(tmp_path / "listed.csv", index=False)
    return tmp_path


def test_titles_watched_without_a_rating_follow_the_ratings_as_they_are(ratings):
    before, after = (
        pd.read_csv(ratings / SCORES_CSV),
        variants.with_unrated(ratings, ratings / "listed.csv"),
    )
    pd.testing.assert_frame_equal(after[: len(before)], before)
    more = after[len(before) :][["user_id", "anime_id", "rating"]]
    assert more.to_numpy().tolist() == [[1, 130, -1], [2, 140, -1]]


def test_models_of_different_splits_are_not_compared(tmp_path):
    for name, rating in (("first", 8), ("second", 8), ("third", 9)):
        (tmp_path / name).mkdir()
        for table, columns in (
            ("test", {"user": [1], "item": [2], "rating": [rating]}),
            ("users", {"user_id": [1]}),
            ("items", {"item_id": [1]}),
        ):
            pq.write_table(pa.table(columns), tmp_path / name / f"{table}.parquet")
    lists.same_test(tmp_path / "first", tmp_path / "second")
    with pytest.raises(UserError, match="third differ in test"):
        lists.same_test(tmp_path / "first", tmp_path / "third")


def test_what_is_left_out_of_a_list_need_not_be_known_to_the_model(models):
    model = load_lists(models, Scorer(models))
    users, titles = model.scorer.n_users, model.scorer.n_titles
    known, away = (sparse.lil_array((users, titles)) for _ in range(2))
    known[3, [4, 6]] = 1
    away[3, [4, 6, 8]] = 1
    known, away = known.tocsr(), away.tocsr()
    row = np.array([3])
    values = [
        lists.leaving_out(model, known, out)(row, np.arange(titles))[0] for out in (known, away)
    ]
    assert (values[0] > 0).nonzero()[0].tolist() == [
        i for i in range(1, titles - 1) if i not in (4, 6)
    ]
    assert values[1][8] == 0
    rest = np.arange(titles) != 8
    np.testing.assert_array_equal(values[1][rest], values[0][rest])


def test_a_part_of_the_order_is_the_same_model_with_other_powers(models):
    model = load_lists(models, Scorer(models))
    fitted = model.join
    part = lists.joined(model, Join(0, 0))
    chance, gain = np.array([0.2, 0.4], np.float32), np.array([3.0, 0.5], np.float32)
    assert part.values(chance, gain, np.array([1, 2])).tolist() == chance.tolist()
    assert model.join == fitted
    assert part.chances is model.chances


def test_newcomers_bring_one_half_of_their_ratings_and_nobody_else_has_them(ratings):
    newcomers.deal(ratings, ratings)
    others, first, second = (
        pd.read_csv(ratings / f"{name}.csv") for name in ("others", "first", "second")
    )
    held_out = {*first.user_id, *second.user_id}
    assert len(held_out) == 1  # a fifth of six
    assert not held_out & {*others.user_id}
    both = pd.concat([others, first, second]).sort_values(["user_id", "anime_id"])
    pd.testing.assert_frame_equal(both.reset_index(drop=True), pd.read_csv(ratings / SCORES_CSV))
    assert len(first)
    assert len(second)


def test_lists_of_newcomers_hit_the_liked_titles_of_their_other_half(models, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "trained").symlink_to(models)
    columns = ["user_id", "anime_id", "rating"]
    some = [(990, 10 * title, 9 if title % 2 else 3) for title in range(1, 13)]
    rest = [(990, 10 * title, 9 if title % 2 else 3) for title in range(13, 31)]
    nothing = [(991, 10, 2)]  # likes none: left out
    pd.DataFrame(some, columns=columns).to_csv(tmp_path / "first.csv", index=False)
    pd.DataFrame(rest + nothing, columns=columns).to_csv(tmp_path / "second.csv", index=False)
    found = newcomers.ranked(tmp_path, tmp_path, False)
    assert found.user_id.tolist() == ["990"]
    assert found.ndcg[0] > 0.9  # they like the odd titles, as half of the users do


def test_the_difference_of_newcomers_is_paired_by_user():
    users, told = [1, 1, 2, 3, 4, 5, 6], np.array([2.0, 4, 7, 1, 2, 3, 2])
    found = newcomers.figures(pd.DataFrame({"user_id": users, "told": told, "seen": told - 1}))
    assert (found["told"], found["seen"]) == (pytest.approx(3), pytest.approx(2))
    assert found["more_ci95"] == pytest.approx((1, 1))


def test_lists_are_timed_for_users_of_the_data(models, monkeypatch):
    monkeypatch.setattr(serving, "CALLS", 3)
    monkeypatch.setattr(serving, "FIRST", 1)
    found, users, titles = serving.warm(models)
    assert found["with_reasons"]["p50_ms"] > 0
    assert len(users) == 4
    assert set(users) <= {10 * user for user in range(1, 41)}
    assert titles == [10 * title for title in range(1, 32)]
