"""A thousand generated lists: nothing on them comes back, and every filter holds."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.files.seals import seal
from pipeline.recommender.filters import PLANNED, Filters
from pipeline.recommender.listed import STATUSES, Listed
from pipeline.recommender.lists import ORDERS, Order
from pipeline.recommender.recommender import Recommender

NAMES = ["Alpha", "Beta Gamma", "Delta!", "Mushishi", "Monster", "Zeta Orbit"]
PARTS = ["", " 2nd Season", " Season 3", " Movie", " Gaiden"]
SERIES = [f"{name}{part}" for part in PARTS for name in NAMES]  # first seasons began first
ENTRIES = st.lists(
    st.builds(
        Listed,
        st.integers(1, 31).map(lambda row: str(10 * row)),
        st.none() | st.integers(1, 10).map(float),
        st.sampled_from(STATUSES),
    ),
    min_size=1,
    max_size=25,
)
FILTERS = st.builds(
    Filters,
    genres=st.sampled_from([(), (), ("Odd",)]),
    without=st.sampled_from([(), (), ("Even",)]),
    types=st.sampled_from([(), (), ("TV",)]),
    years=st.sampled_from([(None, None), (2000, None), (None, 2015), (1999, 2020)]),
    sequels=st.booleans(),
    min_raters=st.sampled_from([0, 0, 28]),
    next_in_series=st.booleans(),
    one_per_franchise=st.booleans(),
    dropped_sequels=st.booleans(),
    planned=st.sampled_from(PLANNED),
)
ORDER = st.sampled_from([*map(Order, ORDERS), Order(niche=-1), Order(niche=0.4, diversity=0.7)])


@pytest.fixture(scope="module")
def series(models, tmp_path_factory):
    """The small model with a catalogue of series in place of numbered titles."""
    folder = tmp_path_factory.mktemp("series") / "model"
    shutil.copytree(models, folder)
    titles = pq.read_table(folder / "titles.parquet")
    names = pa.array([None, *SERIES, "Omega"], "string")
    column = titles.column_names.index("title")
    pq.write_table(titles.set_column(column, "title", names), folder / "titles.parquet")
    seal(folder)
    return Recommender(folder)


def before(predecessor, row):
    """Rows of the titles that a title continues, the nearest first."""
    while row := int(predecessor[row]):
        yield row


def test_the_catalogue_has_six_series_of_five_titles(series):
    _, sizes = np.unique(series.catalogue.franchises.franchise[1:], return_counts=True)
    assert sorted(sizes) == [1, 5, 5, 5, 5, 5, 5]


@settings(max_examples=1000)
@given(ENTRIES, FILTERS, ORDER, st.integers(1, 40))
def test_what_is_listed_is_new_to_the_person_and_passes_every_filter(
    series, entries, filters, order, number
):
    person = series.newcomer(entries)
    try:
        titles = series.recommend(person, number, filters, order, why=False)
    except UserError as error:
        assert "no title is left" in str(error)  # noqa: PT017
        titles = []
    last = {int(entry.anime_id) // 10: entry for entry in entries}
    planned = {row for row, entry in last.items() if entry.status == "planned"}
    dropped = {row for row, entry in last.items() if entry.status == "dropped"}
    seen, catalogue = {*last} - planned, series.catalogue
    rows = [title["anime_id"] // 10 for title in titles]
    assert len(rows) == len(set(rows)) <= number
    assert not seen & {*rows}
    assert [title["planned"] for title in titles] == [row in planned for row in rows]
    if filters.planned != "mark":
        assert {row in planned for row in rows} <= {filters.planned == "only"}
    franchise = catalogue.franchises.franchise
    if filters.one_per_franchise or filters.next_in_series:
        of_series = franchise[rows].tolist()
        limit = 1 if filters.one_per_franchise else 2  # what follows the first, and the last seen
        assert all(of_series.count(one) <= limit for one in of_series)
    if filters.next_in_series:
        assert {*franchise[rows]} <= {*franchise[[*seen]]}
    for title, row in zip(titles, rows, strict=True):
        earlier = [*before(catalogue.franchises.predecessor, row)]
        assert filters.dropped_sequels or not dropped & {*earlier}
        assert filters.sequels or not earlier or earlier[0] in seen
        assert {*filters.genres} <= {*title["genres"]}
        assert not {*filters.without} & {*title["genres"]}
        assert not filters.types or title["type"] in filters.types
        first, end = filters.years
        assert (first or 0) <= title["year"] <= (end or 9999)
        assert catalogue.raters[row] >= filters.min_raters
        assert 1 <= title["low"] <= title["high"] <= 10
        assert 0 <= title["liked"] <= 1
        assert 0 <= title["watch"] <= 1
        assert sum(title["grades"]) == pytest.approx(1, abs=0.002)


@settings(max_examples=100)
@given(ENTRIES)
def test_without_filters_everything_else_is_listed_but_what_continues_a_dropped_title(
    series, entries
):
    person = series.newcomer(entries)
    listed = {t["anime_id"] // 10 for t in series.recommend(person, 40, why=False)}
    last = {int(entry.anime_id) // 10: entry.status for entry in entries}
    dropped = {row for row, status in last.items() if status == "dropped"}
    predecessor = series.catalogue.franchises.predecessor
    continued = {row for row in range(1, 32) if dropped & {*before(predecessor, row)}}
    assert listed == {*range(1, 32)} - {*last} - continued
