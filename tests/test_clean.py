"""Clean: typed tables, and every row that is dropped has a reason and a count."""

import ibis
import pytest
from conftest import real_data, text
from hypothesis import given
from hypothesis import strategies as st

from pipeline import clean
from pipeline.config import Clean, Synthetic, Watch
from pipeline.errors import UserError
from pipeline.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV

DATASET = Synthetic("synthetic", 1, 10, Watch("", ""), 0, 1, 1, 1, 0.1)


def rated(*rows):
    users, items, ratings = zip(*rows, strict=True)
    return text(user_id=users, item_id=items, rating=ratings)


def kept(rows):
    return rows[rows.reason.isna()][["user_id", "item_id", "rating"]].to_numpy().tolist()


def test_a_rating_that_cannot_be_used_is_given_its_reason():
    scores = rated(
        ("1", "5", "8"), ("1", "x", "8"), ("1", "6", "0"), ("1", "7", "-1"), ("2", "5", "11"),
        ("2", "6", None), ("2", "7", "7.5"), ("2", "8", "9.0"),
    )  # fmt: skip
    rows = clean.ratings(scores, None, DATASET).order_by("row").execute()
    assert kept(rows) == [[1, 5, 8], [2, 8, 9]]
    assert rows.reason[1:7].tolist() == [
        "id is not a whole number", "rating not in 1 to 10", "rating is not a whole number",
        "rating not in 1 to 10", "rating is not a whole number", "rating is not a whole number",
    ]  # fmt: skip


def test_the_last_of_several_ratings_of_a_title_counts():
    rows = clean.ratings(rated(("1", "5", "8"), ("1", "5", "3"), ("1", "6", "4")), None, DATASET)
    rows = rows.order_by("row").execute()
    assert kept(rows) == [[1, 5, 3], [1, 6, 4]]
    assert rows.reason[0] == "rated again further down"


def test_a_pair_of_the_test_set_is_not_trained_on():
    scores, test = rated(("1", "5", "8"), ("1", "6", "4")), rated(("1", "5", "2"))
    rows = clean.ratings(scores, test, DATASET).order_by("is_test", "row").execute()
    assert rows[rows.is_test][["user_id", "item_id", "rating"]].to_numpy().tolist() == [[1, 5, 2]]
    assert rows.reason.tolist()[0] == "also in the test set"
    assert kept(rows[~rows.is_test]) == [[1, 6, 4]]


def test_the_ways_a_missing_value_is_written_become_null():
    rows = text(
        item_id=["1", "2", "3"], title=["A", "UNKNOWN", "C"], type=["TV", "UNKNOWN", None],
        source=["Manga", "Unknown", ""], genres=["Action, Sci-Fi", "UNKNOWN", None],
        studios=["Bones", "UNKNOWN", ""], episodes=["12.0", "UNKNOWN", "3057"],
    )  # fmt: skip
    items = clean.items(rows).order_by("row").execute()
    assert items.title.isna().tolist() == [False, True, False]
    assert items.type.isna().tolist() == [False, True, True]
    assert items.source.isna().tolist() == [False, True, True]
    assert [list(genres) for genres in items.genres] == [["Action", "Sci-Fi"], [], []]
    assert items.episodes.fillna(-1).tolist() == [12, -1, 3057]


def test_the_first_row_of_an_id_counts_and_one_without_an_id_does_not():
    rows = text(user_id=["7", "7", None], completed=["3.0", "4", "5"], plan_to_watch=["", "1", "1"])
    users = clean.users(rows).order_by("row").execute()
    assert users.reason.fillna("kept").tolist() == [
        "kept", "id stands further up", "id is not a whole number"
    ]  # fmt: skip
    assert users.completed[0] == 3


SOME_IDS = st.sampled_from(["1", "2", "3", "x", None])
SOME_RATINGS = st.sampled_from(["1", "5", "10", "0", "11", "nine", None])


@given(st.lists(st.tuples(SOME_IDS, SOME_IDS, SOME_RATINGS), min_size=1, max_size=30))
def test_read_is_kept_plus_rejected_and_no_pair_is_kept_twice(rows):
    counts = clean.ratings(rated(*rows), None, DATASET).execute()
    good = counts[counts.reason.isna()]
    assert len(counts) == len(rows)
    assert not good.duplicated(["user_id", "item_id"]).any()
    usable = [(u, i) for u, i, r in rows if {u, i} <= set("123") and r in ("1", "5", "10")]
    assert {(int(u), int(i)) for u, i in usable} == set(
        zip(good.user_id.astype(int), good.item_id.astype(int), strict=True)
    )


def write_raw(folder, scores="user_id,anime_id,rating\n1,5,8\n", **others):
    (folder / SCORES_CSV).write_text(scores)
    catalogue = "anime_id,Name,Genres,Type,Source,Studios,Episodes\n5,A,Action,TV,Manga,Bones,12\n"
    (folder / CATALOGUE_CSV).write_text(others.get("catalogue", catalogue))
    (folder / DETAILS_CSV).write_text("Mal ID,Completed,Plan to Watch\n1,3,4\n")
    if "test" in others:
        (folder / TEST_CSV).write_text(others["test"])


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ("user_id,anime_id,score\n1,5,8\n", r"users-score-2023\.csv: no column 'rating'"),
        ("user_id,anime_id,rating\n", "The file has no rows"),
        (
            "user_id,anime_id,rating\n1,5,99\n",
            r"score-2023\.csv: 1 rows, first row 1: rating not in 1 to 10",
        ),
        ("", r"users-score-2023\.csv"),
        ('user_id,anime_id,rating\n1,"5,8\n2,"3"x,9\n', r"users-score-2023\.csv"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path, scores, message):
    write_raw(tmp_path, scores)
    with pytest.raises(UserError, match=message):
        clean.clean(DATASET, Clean(max_rejected=0.05), tmp_path, tmp_path)


def test_the_counts_add_up_and_the_tables_are_typed(tmp_path):
    scores = "user_id,anime_id,rating\n1,5,8\n1,5,9\n1,6,7\n"
    write_raw(tmp_path, scores, test="user_id,anime_id,rating\n9,5,2\n")
    counts = clean.clean(DATASET, Clean(max_rejected=0.5), tmp_path, tmp_path)
    assert counts["ratings"] == {"read": 4, "kept": 3, "rejected": {"rated again further down": 1}}
    ratings = ibis.read_parquet(tmp_path / "ratings.parquet")
    types = {name: str(dtype) for name, dtype in ratings.schema().items()}
    assert types == {"user_id": "int32", "item_id": "int32", "rating": "int8", "is_test": "boolean"}


def test_ratings_that_are_in_the_test_set_too_do_not_count_as_dirt(tmp_path):
    pairs = "user_id,anime_id,rating\n1,5,8\n1,6,9\n"
    write_raw(tmp_path, pairs + "2,6,7\n", test=pairs)
    counts = clean.clean(DATASET, Clean(max_rejected=0.0), tmp_path, tmp_path)
    assert counts["ratings"] == {"read": 5, "kept": 3, "rejected": {"also in the test set": 2}}


def test_the_true_heads_of_the_files_are_kept_whole(tmp_path):
    counts = clean.clean(DATASET, Clean(0.05), real_data("mal_2023_head"), tmp_path)
    assert {name: count["kept"] for name, count in counts.items()} == {
        "ratings": 1000, "items": 1000, "users": 1000
    }  # fmt: skip
