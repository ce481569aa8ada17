"""Lists for two people: fair to both, and nothing that either has seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.errors import UserError
from pipeline.recommender.filters import Filters
from pipeline.recommender.listed import Listed
from pipeline.recommender.lists import Order
from pipeline.recommender.pair import fairest, recommend_both

VALUES = st.integers(1, 12).flatmap(
    lambda n: arrays(float, (2, n), elements=st.floats(0, 1, width=16))
)


@pytest.fixture
def two(recommender):
    """Somebody who likes odd titles, and somebody who likes even ones."""
    odd = [Listed("10", 10), Listed("30", 9), Listed("20", 2), Listed("50", status="dropped")]
    even = [Listed("20", 10), Listed("40", 9), Listed("10", 2), Listed("60")]
    return recommender.newcomer(odd), recommender.newcomer(even)


@given(VALUES, st.integers(1, 12))
def test_the_first_title_leaves_the_less_happy_best_off_and_the_next_does_so_in_sum(values, number):
    chosen = fairest(values, number)
    assert len(set(chosen)) == len(chosen) == min(number, values.shape[1])
    total = np.zeros((2, 1))
    for step, best in enumerate(chosen):
        left = [i for i in range(values.shape[1]) if i not in chosen[:step]]
        assert (total[:, 0] + values[:, best]).min() == (total + values[:, left]).min(0).max()
        total += values[:, [best]]


@given(VALUES, st.integers(1, 12))
def test_it_does_not_matter_who_is_named_first(values, number):
    assert fairest(values, number).tolist() == fairest(values[::-1], number).tolist()


@given(VALUES)
def test_two_people_with_the_same_values_get_the_best_ones_in_order(values):
    same = np.repeat(values[:1], 2, 0)
    chosen = fairest(same, 5)
    assert values[0, chosen].tolist() == sorted(values[0], reverse=True)[:5]


def test_nothing_that_either_has_seen_is_listed_and_each_is_told_their_own_prediction(
    recommender, two
):
    titles = recommend_both(recommender, two, 50)
    listed = [title["anime_id"] for title in titles]
    assert not {10, 20, 30, 40, 50, 60} & {*listed}
    assert len(listed) == 31 - 6
    rows = np.array(listed) // 10
    for person, side in zip(two, (titles, [title["other"] for title in titles]), strict=True):
        scores = recommender.scorer.scores(person.taste)[rows]
        assert [title["prediction"] for title in side] == pytest.approx(scores, abs=1e-4)
    swapped = recommend_both(recommender, two[::-1], 50)
    assert [title["anime_id"] for title in swapped] == listed


def test_both_tastes_are_served(recommender, two):
    titles = recommend_both(recommender, two, 6)
    assert {title["anime_id"] // 10 % 2 for title in titles} == {0, 1}


@pytest.mark.parametrize("niche", [0.0, 0.8])
def test_for_one_person_twice_it_is_their_own_list(recommender, two, niche):
    own = recommender.recommend(two[0], 10, order=Order(niche=niche))
    both = recommend_both(recommender, (two[0], two[0]), 10, niche=niche)
    assert [title["anime_id"] for title in both] == [title["anime_id"] for title in own]


def test_filters_hold_for_a_pair_too_and_an_empty_list_is_explained(recommender, two):
    titles = recommend_both(recommender, two, 50, Filters(genres=["odd"], types=["TV"]))
    assert {(title["genres"][0], title["type"]) for title in titles} == {("Odd", "TV")}
    every = [Listed(str(10 * row), 5) for row in range(1, 32) if row != 7]
    almost = recommender.newcomer(every), recommender.newcomer([Listed("70", 5)])
    with pytest.raises(UserError, match="that neither of you has seen; use fewer filters"):
        recommend_both(recommender, almost, 5)
