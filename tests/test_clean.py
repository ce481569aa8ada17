"""Clean: typed tables; every dropped row has a reason and is counted."""

import ibis
import pandas as pd
import pyarrow.parquet as pq
import pytest
from helpers.tables import real_data, typed_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import clean
from pipeline.errors import UserError
from pipeline.settings.sections import Clean, Dataset, Watch
from pipeline.tables import judge
from pipeline.tables.judge import IDS
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV
from pipeline.tables.schema import ITEMS, USERS

DATASET = Dataset("any", 1, 10, Watch("", ""))


def test_every_spelling_of_a_missing_value_becomes_null(engine):
    rows = typed_rows(
        engine, ITEMS,
        item_id=["1", "2", "3"], title=["A", "UNKNOWN", " C "], type=["TV", "UNKNOWN", None],
        source=["Manga", "Unknown", ""], genres=["Action, Sci-Fi", "UNKNOWN", None],
        studios=["Bones", "UNKNOWN", ""], episodes=["12.0", "UNKNOWN", "3057"],
    )  # fmt: skip
    items = judge.entities(rows).order_by("row").execute()
    assert items.title.fillna("none").tolist() == ["A", "none", "C"]
    assert items.type.isna().tolist() == [False, True, True]
    assert items.source.isna().tolist() == [False, True, True]
    assert [list(genres) for genres in items.genres] == [["Action", "Sci-Fi"], [], []]
    assert items.episodes.fillna(-1).tolist() == [12, -1, 3057]
    assert clean.emptied(rows) == {}


@pytest.mark.parametrize(
    ("name", "texts", "values"),
    [
        ("published_rank", ["3.0", "0.0", "UNKNOWN"], [3, None, None]),
        ("published_score", ["8.75", "0", "UNKNOWN"], [8.75, None, None]),
        ("year", ["Apr 3, 1998 to Apr 24, 1999", "1995", "Not available"], [1998, 1995, None]),
        ("minutes", ["1 hr 35 min", "24 min per ep", "30 sec"], [95, 24, 0.5]),
        ("minutes", ["9" * 400 + " min", "99999999999 hr", "0 min"], [None, None, None]),
        ("members", ["1e400", "-5", "12"], [None, None, 12]),
    ],
)
def test_a_column_is_read_by_its_schema_and_unreadable_cells_are_counted(
    engine, name, texts, values
):
    rows = typed_rows(
        engine, ITEMS, item_id=["1", "2", "3"], title=["A", "B", "C"], **{name: texts}
    )
    found = rows.order_by("row").execute()[name]
    assert [None if pd.isna(value) else value for value in found] == values
    unreadable = sum(v is None and t != "UNKNOWN" for v, t in zip(values, texts, strict=True))
    assert clean.emptied(rows).get(name, 0) == unreadable


def test_impossible_statistics_become_null_and_their_users_are_kept(engine):
    rows = typed_rows(
        engine, USERS, user_id=["1", "2", "3"],
        published_mean=["255.0", "7.5", "0.0"], days_watched=["105338.0", "12.5", None],
    )  # fmt: skip
    users = judge.entities(rows).order_by("row").execute()
    assert users.reason.isna().all()
    assert users.published_mean.isna().tolist() == [True, False, True]
    assert users.days_watched.isna().tolist() == [True, False, True]
    assert clean.emptied(rows) == {"days_watched": 1, "published_mean": 2}


def write_raw(folder, scores="user_id,anime_id,rating\n1,5,8\n", **others):
    (folder / SCORES_CSV).write_text(scores)
    catalogue = "anime_id,Name,Genres,Type,Source,Studios,Episodes\n5,A,Action,TV,Manga,Bones,12\n"
    (folder / CATALOGUE_CSV).write_text(others.get("catalogue", catalogue))
    (folder / DETAILS_CSV).write_text("Mal ID,Completed,Plan to Watch\n1,3,4\n")
    if "test" in others:
        (folder / TEST_CSV).write_text(others["test"])


def pairs(path):
    return [tuple(row.values()) for row in pq.read_table(path, columns=IDS).to_pylist()]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ("user_id,anime_id,verdict\n1,5,8\n", r"users-score-2023\.csv: no column 'rating'"),
        ("user_id,anime_id,rating\n", "no rows below the header"),
        (
            "user_id,anime_id,rating\n1,5,99\n",
            r"score-2023\.csv: 1 rows, first row 1: rating not in 1 to 10",
        ),
        ("", r"users-score-2023\.csv"),
        ('user_id,anime_id,rating\n1,"5,8\n2,"3"x,9\n', r"users-score-2023\.csv"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(engine, tmp_path, scores, message):
    write_raw(tmp_path, scores)
    with pytest.raises(UserError, match=message):
        clean.clean(DATASET, Clean(max_rejected=0.05), engine, tmp_path, tmp_path)


def test_the_counts_add_up_and_the_tables_are_typed(engine, tmp_path):
    scores = "user_id,anime_id,rating\n1,5,8\n1,5,9\n1,6,7\n"
    write_raw(tmp_path, scores, test="user_id,anime_id,rating\n9,5,2\n")
    counts = clean.clean(DATASET, Clean(max_rejected=0.5), engine, tmp_path, tmp_path)
    assert counts["ratings"] == {
        "read": 4, "kept": 3, "unrated": 0, "rejected": {"rated again further down": 1},
        "emptied": {},
    }  # fmt: skip
    ratings = ibis.read_parquet(tmp_path / "ratings.parquet")
    types = {name: str(dtype) for name, dtype in ratings.schema().items()}
    assert types == {
        "user_id": "int32", "item_id": "int32", "rating": "int8", "timestamp": "int32",
        "is_test": "boolean",
    }  # fmt: skip


def test_a_rejected_row_is_listed_with_its_reason_file_and_row_number(engine, tmp_path):
    scores = "user_id,anime_id,rating\n1,5,8\n1,6,11\nx,5,7\n1,5,9\n"
    write_raw(tmp_path, scores, test="user_id,anime_id,rating\n2,5,0\n3,5,1\n")
    clean.clean(DATASET, Clean(max_rejected=0.9), engine, tmp_path, tmp_path)
    columns = ["file", "row", "reason", "user_id", "item_id", "rating"]
    rows = pq.read_table(tmp_path / "rejected.parquet").select(columns).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (TEST_CSV, 1, "not rated: 0 or -1", 2, 5, 0),
        (SCORES_CSV, 1, "rated again further down", 1, 5, 8),
        (SCORES_CSV, 2, "rating not in 1 to 10", 1, 6, 11),
        (SCORES_CSV, 3, "id is not a whole number", None, 5, 7),
    ]


def test_ratings_that_are_in_the_test_set_too_do_not_count_as_dirt(engine, tmp_path):
    pairs = "user_id,anime_id,rating\n1,5,8\n1,6,9\n"
    write_raw(tmp_path, pairs + "2,6,7\n", test=pairs)
    counts = clean.clean(DATASET, Clean(max_rejected=0.0), engine, tmp_path, tmp_path)
    assert counts["ratings"]["rejected"] == {"also in the test set": 2}
    assert counts["ratings"]["kept"] == 3


def test_titles_watched_and_not_rated_are_a_table_of_their_own_and_no_dirt(engine, tmp_path):
    scores = "user_id,anime_id,rating\n2,6,0\n1,5,8\n1,5,0\n2,5,-1\n1,7,-1\n1,6,0\n"
    write_raw(tmp_path, scores, test="user_id,anime_id,rating\n1,7,9\n")
    counts = clean.clean(DATASET, Clean(max_rejected=0.0), engine, tmp_path, tmp_path)
    assert counts["ratings"] == {
        "read": 7, "kept": 2, "unrated": 3, "rejected": {"rated in another row": 2}, "emptied": {}
    }  # fmt: skip
    assert pairs(tmp_path / "watched.parquet") == [(1, 6), (2, 5), (2, 6)]
    types = [str(field.type) for field in pq.read_schema(tmp_path / "watched.parquet")]
    assert types == ["int32", "int32"]


def test_titles_watched_without_any_rating_are_not_enough(engine, tmp_path):
    write_raw(tmp_path, "user_id,anime_id,rating\n1,5,0\n1,6,-1\n")
    with pytest.raises(UserError, match=r"ratings: 2 of 2 rows cannot be used; .* 2 .* unrated\."):
        clean.clean(DATASET, Clean(max_rejected=1.0), engine, tmp_path, tmp_path)


SOME_RATINGS = st.sampled_from(["1", "9", "0", "-1", "11"])
ROWS = st.lists(st.tuples(st.sampled_from("123x"), st.sampled_from("123"), SOME_RATINGS))


@settings(max_examples=15)
@given(ROWS, ROWS)
def test_every_row_read_is_kept_unrated_or_rejected_and_no_title_is_both_rated_and_unrated(
    engine, tmp_path_factory, scores, tested
):
    def text(rows):
        return "\n".join(["user_id,anime_id,rating", *map(",".join, rows), "4,4,4\n"])

    folder = tmp_path_factory.mktemp("rows")
    write_raw(folder, text(scores), test=text(tested))
    counts = clean.clean(DATASET, Clean(max_rejected=1.0), engine, folder, folder)["ratings"]
    assert counts["read"] == len(scores) + len(tested) + 2
    assert counts["read"] == counts["kept"] + counts["unrated"] + sum(counts["rejected"].values())
    listed, rated = pairs(folder / "watched.parquet"), pairs(folder / "ratings.parquet")
    assert len(listed) == len(set(listed)) == counts["unrated"]
    assert len(rated) == len(set(rated)) == counts["kept"]
    valid = {(int(u), int(i)) for u, i, rating in scores if u != "x" and rating in ("0", "-1")}
    assert set(listed) == valid - set(rated)


def test_a_title_outside_the_catalogue_and_a_user_without_details_keep_their_ratings(
    engine, tmp_path
):
    write_raw(tmp_path, "user_id,anime_id,rating\n77,5,8\n1,99,9\n")
    counts = clean.clean(DATASET, Clean(max_rejected=0.0), engine, tmp_path, tmp_path)
    assert counts["ratings"]["kept"] == 2


def test_every_row_at_the_top_of_the_real_files_is_kept(engine, tmp_path):
    counts = clean.clean(DATASET, Clean(0.05), engine, real_data("mal_2023_head"), tmp_path)
    assert {name: count["kept"] for name, count in counts.items()} == {
        "ratings": 1000, "items": 1000, "users": 1000
    }  # fmt: skip
    assert counts["users"]["emptied"] == {"published_mean": 72}  # of users who rated nothing
