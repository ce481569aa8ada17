"""Ids, names and filters of the catalogue."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.filters import PLANNED, Filters, Seen
from pipeline.recommender.ids import Ids
from pipeline.recommender.listed import Listed

SERIES = ["X", "X II", "X III", "X Movie", "Y", "Y Gaiden", "Y Gaiden 2", "Z", "Z (2019)", "W"]
ROWS = len(SERIES) + 1
MARKS = st.sets(st.integers(1, ROWS - 1)).map(lambda rows: np.isin(np.arange(ROWS), list(rows)))
FILTERS = st.builds(
    Filters,
    genres=st.sampled_from([(), ("odd",)]),
    without=st.sampled_from([(), ("third",)]),
    types=st.sampled_from([(), ("TV",), ("TV", "Movie")]),
    years=st.sampled_from([(None, None), (2002, None), (None, 2005), (2001, 2006)]),
    sequels=st.booleans(),
    min_raters=st.integers(0, 5),
    one_per_franchise=st.booleans(),
    dropped_sequels=st.booleans(),
    planned=st.sampled_from(PLANNED),
)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A catalogue of three series and a title without one; the last has an unknown year."""
    folder, rows = tmp_path_factory.mktemp("catalogue"), range(1, ROWS)
    genres = [["Odd"] * (row % 2) + ["Third"] * (row % 3 == 0) for row in rows]
    titles = {
        "item_id": [None, *rows],
        "title": [None, *SERIES],
        "english": pa.nulls(ROWS, "string"),
        "genres": pa.array([[], *genres], pa.list_(pa.string())),
        "type": [None, *("Movie" if "Movie" in name else "TV" for name in SERIES)],
        "year": [None, *range(2000, 2000 + ROWS - 2), None],
    }
    pq.write_table(pa.table(titles), folder / "titles.parquet")
    pq.write_table(
        pa.table({"item_count": [0, *(row % 7 for row in rows)]}), folder / "items.parquet"
    )
    return Catalogue(folder)


@settings(max_examples=1000)
@given(FILTERS, st.lists(st.tuples(MARKS, MARKS, MARKS), min_size=1, max_size=3))
def test_what_may_be_listed_is_on_no_list_and_passes_every_filter(series, filters, people):
    matching = series.matching(filters)
    seen, dropped, planned = (np.stack(marks) for marks in zip(*people, strict=True))
    seen, planned = seen | dropped, planned & ~seen & ~dropped
    allowed = series.listable(matching, Seen(seen, dropped, planned), filters)
    predecessor = series.franchises.predecessor
    for user, of_user in enumerate(allowed):
        alone = series.listable(matching, Seen(seen[user], dropped[user], planned[user]), filters)
        assert alone.tolist() == of_user.tolist()
        listed = np.flatnonzero(of_user)
        assert 0 not in listed
        assert not seen[user][listed].any()
        if filters.planned != "mark":
            assert (planned[user][listed] == (filters.planned == "only")).all()
        if filters.one_per_franchise:
            assert len(set(series.franchises.franchise[listed])) == len(listed)
        for row in listed:
            assert filters.sequels or not predecessor[row] or seen[user, predecessor[row]]
            assert matches(series.describe(row), series.raters[row], filters)
            while (row := predecessor[row]) and not filters.dropped_sequels:
                assert not dropped[user, row]


def matches(title, raters, filters):
    """Whether a title passes the filters that do not depend on the user."""
    genres = {genre.lower() for genre in title["genres"]}
    first, last = filters.years
    year = title["year"]
    return (
        genres >= set(filters.genres)
        and not genres & set(filters.without)
        and (not filters.types or title["type"] in filters.types)
        and (first is None or (year is not None and year >= first))
        and (last is None or (year is not None and year <= last))
        and raters >= filters.min_raters
    )


@given(MARKS, st.sampled_from([True, False]))
def test_whoever_has_only_seen_titles_has_dropped_and_planned_none(series, seen, once):
    nothing = np.zeros(ROWS, bool)
    filters = Filters(one_per_franchise=once)
    matching = series.matching(filters)
    without = series.listable(matching, Seen(seen), filters)
    assert (
        without.tolist()
        == series.listable(matching, Seen(seen, nothing, nothing), filters).tolist()
    )
    assert without.any() == (not seen[1:].all()), "what is left may be listed"


def test_of_a_franchise_the_first_unseen_title_is_listed_and_without_filters_every_one(series):
    seen = np.isin(np.arange(ROWS), [1])
    every = series.listable(series.matching(Filters()), Seen(seen), Filters())
    assert np.flatnonzero(every).tolist() == list(range(2, ROWS))
    once = Filters(one_per_franchise=True)
    first = series.listable(series.matching(once), Seen(seen), once)
    assert [SERIES[row - 1] for row in np.flatnonzero(first)] == ["X II", "Y", "Z", "Z (2019)", "W"]


NUMBERS = st.integers(-9, 9) | st.integers(1 - 2**63, 2**63 - 1)


@given(st.lists(NUMBERS, unique=True), st.lists(NUMBERS))
def test_known_numbers_have_their_rows_however_written_and_unknown_ones_row_0(known, queries):
    ids = Ids(pa.chunked_array([pa.array([None, *known], "int64")]))
    assert ids.rows(np.array(known, "int64")).tolist() == list(range(1, len(known) + 1))
    for query in [*known, *queries]:
        assert ids.row(query) == (known.index(query) + 1 if query in known else 0)
        for text in (f"{query}", f"{query}.0", f" {query}. ", f"{query:+}"):
            assert ids.find(text) == ids.row(query)
    assert ids.row(2**80) == ids.find(str(2**63)) == ids.row("1") == 0
    assert not any(map(ids.find, ("", "-", "²", "1.5", "9" * 5000)))


TEXTS = st.text("aA1. ").map(str.strip).filter(bool)


@given(st.lists(TEXTS, unique=True), st.lists(TEXTS))
def test_known_texts_have_their_rows_exactly_as_they_are_written(known, queries):
    ids = Ids(pa.chunked_array([pa.array([None, *known], "string")]))
    found = ids.rows(np.array([*known, *queries], object)).tolist()
    assert found[: len(known)] == list(range(1, len(known) + 1))
    for query, row in zip([*known, *queries], found, strict=True):
        assert row == ids.row(query) == ids.find(f" {query} ")
        assert ids.outside(row) == (query if query in known else "")
    assert ids.find("") == ids.row(1) == 0


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
    assert recommender.catalogue.name(recommender.catalogue.match(query).row) == name


@pytest.mark.parametrize(
    "query", ["", "  ", "zzzzzz qqqq", "999999999", "💥", "²", "12", "9" * 5000]
)
def test_an_unknown_title_is_not_mistaken_for_another(recommender, query):
    with pytest.raises(UserError, match="no title is called"):
        recommender.catalogue.match(query)


def test_listed_titles_match_the_filters(recommender):
    person = recommender.newcomer([Listed("10", 10)])
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
        (Filters(planned="show"), "planned 'show': choose from hide, only, mark"),
        (Filters(years=(2090, None)), "no title is left that matches the filters"),
    ],
)
def test_filters_that_leave_nothing_are_explained(recommender, filters, message):
    with pytest.raises(UserError, match=message):
        recommender.recommend(recommender.newcomer([Listed("10", 10)]), 5, filters)
