"""How titles are found by name: identity goes before likeness, and likeness is said."""

import csv
import io
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from helpers.tables import real_data
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.recommender.ids import Ids
from pipeline.recommender.listed import Listed
from pipeline.recommender.names import Names
from pipeline.recommender.rating_files import parse

NAMES = [
    None, "Gintama", "Gintama'", "Gintama°", "K-On!", "K-On!!", "86", "Ranma ½", "Dr. STONE",
    "Monster", "MONSTER", "Twin", "Twin", "Long Title Season 2", "Long Title Season 3",
    "Long Title III", "Cowboy Bebop", "Pokemon", "Another", None,
]  # fmt: skip
ENGLISH = [*[None] * 18, "Gintama", "Only in English"]
RATERS = np.array([0, *range(20, 1, -1)])


@pytest.fixture(scope="module")
def names():
    return Names(NAMES, ENGLISH, RATERS)


def read(names, name):
    """The title that a name is read as, and what is said of it."""
    match = names.find(name)
    return NAMES[match.row] or ENGLISH[match.row], match.said


def test_every_name_of_one_title_finds_itself_and_nothing_is_said(names):
    for name in NAMES[1:-1]:
        if NAMES.count(name) == 1:
            assert read(names, f" {name} ") == (name, "")
    assert read(names, "Only in English") == ("Only in English", "")


@given(st.lists(st.text("ab!'° Éé", min_size=1).filter(str.strip), unique_by=str.strip))
def test_any_names_that_differ_in_a_sign_find_themselves(drawn):
    names = Names([None, *drawn], [None] * (len(drawn) + 1), np.zeros(len(drawn) + 1, int))
    for row, name in enumerate(drawn, start=1):
        assert names.find(name) == (row, "", False)


def test_an_original_name_goes_before_the_english_name_of_another_title(names):
    assert names.find("Gintama").row == 1


def test_of_titles_with_the_same_name_the_most_rated_counts_and_it_is_said(names):
    match = names.find("Twin")
    assert match == (11, "'Twin' is the name of 2 titles; read as the most rated", False)
    assert names.find("monster").row == 9, "unless one has it exactly"
    assert "is the name of 2 titles" in names.find("monster").said


@pytest.mark.parametrize(
    ("name", "title", "likely"),
    [
        ("dr. stone", "Dr. STONE", False),
        ("Dr.  STONE", "Dr. STONE", False),
        ("Dr STONE", "Dr. STONE", True),
        ("Pok\u00e9mon", "Pokemon", True),
        ("Cowboy Bebob", "Cowboy Bebop", True),
        ("cowboybebop", "Cowboy Bebop", True),
        ("Lnog Title Saeson 2", "Long Title Season 2", True),
        ("K-On", "K-On!", True),
    ],
)
def test_what_differs_in_more_than_capital_letters_is_said(names, name, title, likely):
    said = f"{name!r} read as {title}" if likely else ""
    assert read(names, name) == (title, said)
    assert names.find(name).likely == likely


@pytest.mark.parametrize(
    "name",
    ["Long Title Season 1", "Long Title", "Long Title II", "Long Title Season", "Cowboy",
     "Bebop", "Attack on Titan", "87", "8", "Twim", "", "!",
     "\N{COLLISION SYMBOL}", "9" * 5000, "a" * 10**6],
)  # fmt: skip
def test_a_name_of_no_title_is_not_taken_for_another(names, name):
    with pytest.raises(UserError, match="no title is called"):
        names.find(name)


def test_of_titles_that_are_equally_similar_none_is_chosen(names):
    with pytest.raises(UserError, match=r"equally similar: Gintama'; Gintama°"):
        Names(NAMES[:1] + NAMES[2:4], [None] * 3, RATERS[:3]).find("Gintama!")


def test_a_search_shows_the_exact_name_first(names):
    assert names.search("K-On!!", 3)[0] == NAMES.index("K-On!!")
    assert names.search("86", 3)[0] == NAMES.index("86")


def test_all_names_and_ids_of_a_real_catalogue_find_themselves():
    table = pd.read_csv(real_data("mal_real") / "anime-dataset-2023.csv", keep_default_na=False)
    column, ids = table["Name"].tolist(), Ids(pa.chunked_array([[None, *table["anime_id"]]]))
    names = Names([None, *column], [None] * (len(column) + 1), np.zeros(len(column) + 1, int))
    file = io.StringIO()
    csv.writer(file).writerows([("title", "rating"), *((name, 8) for name in column)])
    entries = parse("list", file.getvalue().encode(), (1, 10)).entries
    times = Counter(name.strip() for name in column)
    assert len(entries) == len(column) > 20_000
    for row, entry in enumerate(entries, start=1):
        if times[column[row - 1].strip()] == 1:
            assert names.find(entry.name) == (row, "", False)
    for form in ("{}", "{}.0", " {} "):
        rows = [ids.find(form.format(one)) for one in table["anime_id"]]
        assert rows == list(range(1, len(column) + 1))
        outside = range(int(table["anime_id"].max()) + 1, int(table["anime_id"].max()) + 1000)
        assert not any(ids.find(form.format(one)) for one in outside)


def test_a_name_in_a_column_of_names_is_never_an_id_and_an_id_never_a_name(recommender):
    catalogue = recommender.catalogue
    assert catalogue.find(Listed("10")).row == catalogue.find(Listed(" 10.0 ")).row == 1
    for wrong in (Listed(name="10"), Listed("11"), Listed("Title number 1"), Listed("11.5")):
        with pytest.raises(UserError, match="no title"):
            catalogue.find(wrong)


def test_what_is_a_name_and_an_id_is_asked_about(recommender, monkeypatch):
    catalogue = recommender.catalogue
    named = Names([None, "20", *catalogue.names[2:]], catalogue.english, catalogue.raters)
    monkeypatch.setattr(catalogue, "_names", named)
    with pytest.raises(UserError, match="write name:20 or id:20"):
        catalogue.match("20")
    assert [catalogue.match(query).row for query in ("id:20", "name:20", "30")] == [2, 1, 3]
