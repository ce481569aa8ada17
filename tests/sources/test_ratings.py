"""One file of ratings in whatever columns: read by their names or numbers, or refused."""

import csv
from datetime import datetime

import pandas as pd
import pytest
from helpers.tables import real_data

from pipeline.compose import compose
from pipeline.errors import UserError
from pipeline.settings.sections import Watch
from pipeline.sources import ratings
from pipeline.sources.ratings import Columns
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV


def source(path, columns=(None, None, None, None), **others):
    tables = {"items": None, "users": None, "test_scores": None, "encoding": None} | others
    names = {name: value and str(value) for name, value in tables.items()}
    return ratings.Settings(
        "ratings", 1, 10, Watch("", ""), str(path), columns=Columns(*columns), **names
    )


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


SCORES = [["user_id", "anime_id", "rating"], ["ann", "7", "8.5"], ["bob", "9", "3"]]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("userId,movieId,rating\nann,7,8.5\nbob,9,3\n", ()),
        ("Score;Username;Item\n8.5;ann;7\n3;bob;9\n", ()),
        ("who,what,how\nann,7,8.5\nbob,9,3\n", ("who", "what", "how")),
        ("who\twhat\thow\nann\t7\t8.5\nbob\t9\t3\n", ("WHO", "what", "how")),
        ("7|ann|x|8.5\n9|bob|y|3\n", (1, 0, 3)),
    ],
)
def test_the_columns_are_found_by_usual_names_or_as_they_are_given(tmp_path, out, text, columns):
    (tmp_path / "mine.csv").write_text(text)
    facts = ratings.write(source(tmp_path / "mine.csv", (*columns, *[None] * 4)[:4]), out)
    assert rows(out / SCORES_CSV) == SCORES
    assert rows(out / CATALOGUE_CSV) == [["anime_id", "Name"], ["7", "7"], ["9", "9"]]
    assert set(facts["read_as"]["mine.csv"]) == {"user", "item", "rating"}
    assert not (out / DETAILS_CSV).exists()


def test_parquet_and_tables_of_titles_and_users_are_read_too(tmp_path, out):
    when = [datetime(2020, 1, 2, 3), datetime(2020, 1, 2, 4)]
    frame = pd.DataFrame({"user": [1, 2], "item": [7.0, 9.0], "rating": [8.5, 3], "date": when})
    frame.to_parquet(tmp_path / "mine.parquet")
    (tmp_path / "films.csv").write_text("movieId;title\n7;Naruto\n")
    (tmp_path / "people.csv").write_text("id,name\n1,ann\n")
    (tmp_path / "test.csv").write_text("user,item,rating\n3,7,1\n")
    tables = {
        "items": tmp_path / "films.csv",
        "users": tmp_path / "people.csv",
        "test_scores": tmp_path / "test.csv",
    }
    ratings.write(source(tmp_path / "mine.parquet", **tables), out)
    assert rows(out / SCORES_CSV)[1] == ["1", "7.0", "8.5", "2020-01-02 03:00:00"]
    assert rows(out / CATALOGUE_CSV) == [["movieId", "title"], ["7", "Naruto"]]
    assert rows(out / DETAILS_CSV) == [["id", "name"], ["1", "ann"]]
    assert rows(out / TEST_CSV)[1] == ["3", "7", "1"]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("who,item,rating\n1,2,3\n", (), r"no column 'user_id'.* dataset\.columns\.user=NAME"),
        ("user,item,rating\n1,2,3\n", ("who",), r"dataset\.columns\.user: .* no column 'who'"),
        ("user,username,item,rating\n", (), r"'user' and 'username' may both be"),
        ("user,film,rating\n", (), r"no column 'anime_id'.*: dataset\.columns\.item=NAME"),
        ("1,2,3\n", (0, 1), r"dataset\.columns\.rating: where columns have numbers"),
        ("1,2,3\n", (0, 1, 3), r"dataset\.columns\.rating: .* columns 0 to 2, no 3"),
        ("user,item,rating\n1,2,3\n", (0, 1, 2), r"has 'rating' .* which is no rating"),
        ("user,item,rating\n1,2\n", (), r"mine\.csv, row 1: 2 cells for 3 columns"),
        ("", (), "no column"),
    ],
)
def test_a_file_whose_columns_cannot_be_told_is_refused(tmp_path, out, text, columns, message):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        ratings.write(source(tmp_path / "mine.csv", (*columns, *[None] * 4)[:4]), out)


@pytest.mark.parametrize("key", ["path", "items", "users", "test_scores"])
def test_a_file_that_is_not_there_is_named_with_its_key(tmp_path, out, key):
    (tmp_path / "mine.csv").write_text("user,item,rating\n1,2,3\n")
    settings = source(tmp_path / "mine.csv")
    setattr(settings, key, "nowhere.csv")
    with pytest.raises(UserError, match=rf"nowhere\.csv: no such file; check dataset\.{key}"):
        ratings.write(settings, out)


def test_movielens_100k_is_read_by_the_numbers_of_its_columns(out):
    ratings.write(source(real_data("ml-100k") / "u.data", (0, 1, 2, 3)), out)
    found = rows(out / SCORES_CSV)
    assert len(found) == 100_001
    assert found[1] == ["196", "242", "3", "881250949"]


def test_dvc_watches_the_folder_of_the_files_and_files_elsewhere_are_refused():
    one = compose(["dataset=ratings", "dataset.path=/a/b.csv"])
    assert "data: /a/b.csv" in one
    assert "data: /a\n" in compose(
        ["dataset=ratings", "dataset.path=/a/b.csv", "dataset.items=/a/c.csv"]
    )
    with pytest.raises(UserError, match=r"d\.csv is not in /a"):
        compose(["dataset=ratings", "dataset.path=/a/b.csv", "dataset.items=/c/d.csv"])


def test_what_is_assumed_of_how_a_file_is_written_is_said(tmp_path, out, capsys):
    (tmp_path / "mine.csv").write_bytes("user;item;rating\nann;7;8,5\n".encode("utf-16"))
    facts = ratings.write(source(tmp_path / "mine.csv"), out)
    (said,) = facts["assumed"]
    assert said.startswith("mine.csv: ")
    assert "semicolons" in said
    assert "UTF-16" in said.upper()
    assert f"assumed: {said}" in capsys.readouterr().out


def test_an_id_in_several_spellings_of_a_number_is_one_title(tmp_path, out):
    (tmp_path / "mine.csv").write_text("user,item,rating\nann,5,8\nbob,5.0,3\neve,05,7\n")
    ratings.write(source(tmp_path / "mine.csv"), out)
    assert rows(out / CATALOGUE_CSV) == [["anime_id", "Name"], ["5", "5"]]
