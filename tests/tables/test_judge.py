"""Judge: a row that cannot be kept has its reason; a title watched and not rated can be kept."""

import ibis
import pytest
from helpers.tables import typed_rows
from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings.sections import Dataset, Watch
from pipeline.tables import judge
from pipeline.tables.schema import RATINGS, USERS

DATASET = Dataset("any", 1, 10, Watch("", ""))


def judged(engine, *rows, test=()):
    """The rows of the scores and of a test set with their reasons; as a frame in file order."""

    def rated(triples, is_test):
        users, items, ratings = zip(*triples, strict=True)
        rows = typed_rows(engine, RATINGS, user_id=users, item_id=items, rating=ratings)
        return rows.mutate(is_test=ibis.literal(is_test))

    scores, tested = rated(rows, False), None
    if test:
        tested = rated(test, True)
        scores = scores.union(tested)
        tested = tested.filter(judge.usable(tested, DATASET)).select("user_id", "item_id")
    repeats = engine.keep(judge.repeated(scores, DATASET, engine))
    found = judge.ratings(scores, repeats, tested, DATASET)
    return found.order_by("is_test", "row").execute()


def kept(rows):
    return rows[rows.reason.isna()][["user_id", "item_id", "rating"]].to_numpy().tolist()


def test_a_rating_that_cannot_be_used_is_given_its_reason(engine):
    rows = judged(
        engine,
        ("1", "5", "8"), ("1", "x", "8"), ("2", "5", "11"), ("2", "6", None), ("2", "7", "7.5"),
        ("2", "8", "9.0"), ("2", "9", "-2"), ("2", None, "x"), ("x", "9", "-1"),
    )  # fmt: skip
    assert kept(rows) == [[1, 5, 8], [2, 7, 7.5], [2, 8, 9]]
    assert rows.reason.dropna().tolist() == [
        "id is not a whole number", "rating not in 1 to 10", "rating is not a number",
        "rating not in 1 to 10", "id is not a whole number",
        "id is not a whole number",
    ]  # fmt: skip


def test_a_title_watched_and_not_rated_is_kept_unless_it_is_in_the_test_set(engine):
    rows = judged(
        engine, ("1", "5", "0"), ("1", "6", "-1"), test=[("2", "5", "0"), ("2", "6", "7")]
    )
    assert kept(rows) == [[1, 5, 0], [1, 6, -1], [2, 6, 7]]
    assert rows.reason.dropna().tolist() == ["not rated: 0 or -1"]


@pytest.mark.parametrize("rating", ["0", "-1"])
def test_a_title_is_not_kept_as_watched_if_another_row_rates_it(engine, rating):
    watched = [("1", "5", rating), ("1", "6", rating), ("1", "7", rating), ("1", "8", rating)]
    rows = judged(engine, ("1", "5", "8"), *watched, ("1", "6", "8"), test=[("1", "7", "8")])
    assert rows.reason.fillna("kept").tolist() == [
        "kept", *["rated in another row"] * 3, "kept", "kept", "kept",
    ]  # fmt: skip


def test_a_title_is_kept_as_watched_if_no_row_that_rates_it_is_usable(engine):
    rows = judged(engine, ("1", "5", "0"), ("1", "5", "11"), test=[("1", "5", "0")])
    assert kept(rows) == [[1, 5, 0]]


def test_of_several_rows_that_list_a_title_as_watched_the_last_is_kept(engine):
    rows = judged(engine, ("1", "5", "0"), ("2", "5", "0"), ("1", "5", "-1"))
    assert kept(rows) == [[2, 5, 0], [1, 5, -1]]
    assert rows.reason[0] == "watched again further down"


@pytest.mark.parametrize(("lowest", "watched"), [(-1, []), (0, [-1]), (1, [-1, 0]), (-9, [])])
def test_a_rating_on_the_scale_is_one_even_if_it_is_0_or_minus_1(engine, lowest, watched):
    rows = typed_rows(engine, RATINGS, user_id=["1"] * 2, item_id=["5", "6"], rating=["-1", "0"])
    rows = rows.mutate(is_test=ibis.literal(False))
    listed = rows.filter(judge.unrated(rows, Dataset("any", lowest, 10, Watch("", ""))))
    assert listed.order_by("rating").execute().rating.tolist() == watched


def test_the_last_of_several_ratings_of_a_title_is_kept(engine):
    rows = judged(engine, ("1", "5", "8"), ("1", "5", "3"), ("1", "6", "4"), ("1", "5", "none"))
    assert kept(rows) == [[1, 5, 3], [1, 6, 4]]
    assert rows.reason[0] == "rated again further down"


def test_a_pair_of_the_test_set_is_not_trained_on(engine):
    rows = judged(engine, ("1", "5", "8"), ("1", "6", "4"), test=[("1", "5", "2"), ("1", "5", "3")])
    assert kept(rows[rows.is_test]) == [[1, 5, 3]]
    assert rows.reason[0] == "also in the test set"
    assert kept(rows[~rows.is_test]) == [[1, 6, 4]]


def test_a_pair_is_trained_on_if_its_row_in_the_test_set_is_unusable(engine):
    rows = judged(engine, ("1", "5", "8"), test=[("1", "5", "eight"), ("1", "6", "7")])
    assert kept(rows[~rows.is_test]) == [[1, 5, 8]]


def test_the_first_row_of_an_id_is_kept_and_rows_without_an_id_are_rejected(engine):
    rows = typed_rows(engine, USERS, user_id=["7", "7", None], completed=["3.0", "4", "5"])
    users = judge.entities(rows).order_by("row").execute()
    assert users.reason.fillna("kept").tolist() == [
        "kept", "id stands further up", "id is not a whole number"
    ]  # fmt: skip
    assert users.completed[0] == 3


SOME_IDS = st.sampled_from(["1", "2", "3", "x", None])
SOME_RATINGS = st.sampled_from(["1", "5", "10", "-2", "11", "nine", None])
ROWS = st.lists(st.tuples(SOME_IDS, SOME_IDS, SOME_RATINGS), min_size=1, max_size=30)


@given(ROWS)
def test_rows_read_are_rows_kept_plus_rejected_and_no_pair_is_kept_twice(engine, rows):
    found = judged(engine, *rows)
    good = found[found.reason.isna()]
    assert len(found) == len(rows)
    usable = {(u, i): r for u, i, r in rows if {u, i} <= set("123") and r in ("1", "5", "10")}
    assert sorted(kept(good)) == sorted([int(u), int(i), int(r)] for (u, i), r in usable.items())
