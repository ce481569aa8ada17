"""The order of lists: shortlists, values, and what niche does to them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact.watch import Join
from pipeline.recommender.listed import Listed
from pipeline.recommender.lists import Lists, Order, indicator

USERS = np.array([1, 2, 7, 40])
NICHE = st.floats(-1, 1)


@pytest.fixture(scope="module", params=["recommender", "without_draws"])
def model(request):
    return request.getfixturevalue(request.param)


def of_users(model):
    """What is on the lists of USERS, and which titles may be listed: the others with ratings."""
    listed = model.on_lists.matrix(np.arange(41))[USERS]
    return listed, (model.lists.raters > 0) & (listed.toarray() == 0)


@pytest.mark.parametrize("niche", [-1.0, 0.0, 0.7])
def test_a_shortlist_has_the_titles_with_the_highest_chances_for_their_raters(model, niche):
    (listed, allowed), lists = of_users(model), model.lists
    found = lists.shortlists(USERS, listed, allowed, 3, niche)
    chance = np.where(allowed, lists.watching.chances_all(listed), 0)
    order = chance * lists.weights(niche)
    for row, titles in enumerate(found.item):
        assert sorted(order[row, titles]) == sorted(order[row])[-3:]
        assert found.chance[row].tolist() == chance[row, titles].tolist()
        assert found.gain[row] == pytest.approx(
            lists.chances.gain(lists.scorer.taste(USERS[row]), titles), abs=1e-5
        )
    assert lists.shortlists(USERS, listed, allowed, 500).item.shape[1] == allowed.shape[1]


def test_values_are_0_where_no_title_may_be_listed_and_those_of_one_user_elsewhere(model):
    listed, allowed = of_users(model)
    table = model.lists.matrix(USERS, listed, allowed)
    assert not table[~allowed].any()
    assert (table[allowed] > 0).all()
    for user, values, may in zip(USERS, table, allowed, strict=True):
        rows = np.flatnonzero(may)
        alone = model.values(model.user(str(10 * user)), rows)
        assert values[rows] == pytest.approx(alone, rel=1e-3)


def test_titles_that_were_not_shortlisted_have_no_value(model, monkeypatch):
    listed, allowed = of_users(model)
    whole, shortlists = model.lists.matrix(USERS, listed, allowed), model.lists.shortlists
    monkeypatch.setattr(model.lists, "shortlists", lambda *given: shortlists(*given, 2))
    table = model.lists.matrix(USERS, listed, allowed)
    assert np.count_nonzero(table, axis=1).tolist() == np.minimum(allowed.sum(1), 2).tolist()
    assert table[table > 0] == pytest.approx(whole[table > 0])


@given(NICHE, NICHE, st.integers(1, 10), st.integers(0, 10_000))
def test_the_more_niche_a_list_is_the_fewer_people_know_its_titles(model, one, other, number, seed):
    """Of the best titles, the sum of the logarithms of their raters never rises with niche."""
    random, lists = np.random.default_rng(seed), model.lists
    lists = Lists(
        lists.scorer, lists.watching, Join(1.0, 0.3), random.integers(0, 9000, len(lists.raters))
    )
    titles = np.arange(len(lists.raters))
    chance, gain = random.uniform(0.01, 1, (2, len(titles)))
    known = []
    for niche in sorted((one, other)):
        best = np.argsort(-lists.values(chance, gain, titles, niche))[:number]
        known.append(np.log(np.maximum(lists.raters[best], 1)).sum())
    assert known[1] <= known[0] + 1e-5


def test_lists_of_a_new_user_follow_niche(model):
    person = model.newcomer([Listed("10", 10), Listed("20", 2)])
    raters = [
        round(np.log([model.catalogue.raters[t["anime_id"] // 10] or 1 for t in titles]).sum(), 6)
        for titles in (model.recommend(person, 8, order=Order(niche=n)) for n in (-1, 0, 1))
    ]
    assert raters == sorted(raters, reverse=True)
    assert raters[0] > raters[2]


def test_by_the_lower_end_of_the_interval_the_surest_title_comes_first(model):
    titles = model.recommend(model.user("70"), 30, order=Order("sure"))
    low = [title["low"] for title in titles]
    assert low == sorted(low, reverse=True)


def test_a_title_on_the_list_of_nobody_known_is_on_no_list():
    user, item = np.array([0, 1, 0, 2]), np.array([1, 2, 3, 0])
    assert indicator((user, item), (3, 4)).toarray().tolist() == [
        [0, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]
    ]  # fmt: skip
