"""Ids, names and filters of the catalogue."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.recommender.catalogue import Filters, Rated
from pipeline.recommender.ids import Ids


@given(st.lists(st.integers(0, 2**40), unique=True), st.lists(st.integers(-9, 2**63 - 1)))
def test_known_ids_have_their_rows_and_unknown_ids_row_0(known, queries):
    ids = Ids(np.array([-1, *known]))
    assert ids.rows(np.array(known, "int64")).tolist() == list(range(1, len(known) + 1))
    for query in queries:
        assert ids.row(query) == (known.index(query) + 1 if query in known else 0)
        assert ids.find(str(query)) == ids.row(query)
    assert ids.row(2**80) == 0
    assert not any(map(ids.find, ("", "²", "+1", "9" * 5000)))


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("30", "Title number 3"),
        ("title NUMBER 3", "Title number 3"),
        ("titel numbr 3", "Title number 3"),
        ("in english 4", "Title number 4"),
    ],
)
def test_titles_are_found_by_id_and_by_misspelled_names(recommender, query, name):
    assert recommender.catalogue.name(recommender.catalogue.row(query)) == name


@pytest.mark.parametrize(
    "query", ["", "  ", "zzzzzz qqqq", "999999999", "💥", "²", "12", "9" * 5000]
)
def test_an_unknown_title_is_not_mistaken_for_another(recommender, query):
    with pytest.raises(UserError, match="no title is called"):
        recommender.catalogue.row(query)


def test_listed_titles_match_the_filters(recommender):
    person = recommender.newcomer([Rated("10", 10)])
    filters = Filters(genres=["odd"], types=["tv"], years=(2000, 2010))
    for row in recommender.recommend(person, 50, filters):
        assert row["genres"] == ["Odd"]
        assert row["type"] == "TV"
        assert 2000 <= row["year"] <= 2010
    without = recommender.recommend(person, 50, Filters(without=["Odd"]))
    assert {genre for row in without for genre in row["genres"]} == {"Even"}


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (Filters(genres=["Drama"]), "genre 'Drama' is unknown; choose from Even, Odd"),
        (Filters(types=["Radio"]), "type 'Radio' is unknown; choose from Movie, TV"),
        (Filters(genres=["Odd"], without=["odd"]), "genre odd: both required and excluded"),
        (Filters(years=(2010, 2000)), "years: 2010 is after 2000"),
        (Filters(years=(2090, None)), "no title is left that matches the filters"),
    ],
)
def test_filters_that_leave_nothing_are_explained(recommender, filters, message):
    with pytest.raises(UserError, match=message):
        recommender.recommend(recommender.newcomer([Rated("10", 10)]), 5, filters)
