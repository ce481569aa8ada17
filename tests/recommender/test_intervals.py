"""Intervals: what is in them, and that they hold as many ratings as they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pipeline.artifact.intervals import Intervals
from pipeline.artifact.scale import Scale
from pipeline.evaluation.intervals import held
from pipeline.recommender.grade_chances import complete
from pipeline.recommender.interval_fit import HELD, fit_coefficients
from pipeline.recommender.intervals import LEVELS, Known, interval, levels, spreads
from pipeline.tables.rows import read_rows

LEVEL = st.floats(*LEVELS)
CHANCES = st.lists(st.integers(1, 1000), min_size=2, max_size=10)


def tails_of(chances):
    """Chance of more than each grade but the highest, of one distribution: [1, grades - 1]."""
    share = np.array(chances) / sum(chances)
    return (1 - np.cumsum(share)[:-1])[None]


def ends(tails, level, lowest=1):
    """The two ends of the interval of one distribution."""
    low, high = interval(tails, np.array([level]), Scale(lowest, lowest + tails.shape[1]))
    return float(low[0]), float(high[0])


def test_a_grade_is_spread_evenly_half_a_point_to_both_sides():
    tails = tails_of([1, 1, 2, 1, 5])  # of 10
    assert ends(tails, 0.5) == pytest.approx((3 - 0.5 + 0.05 / 0.2, 5))  # high: 5.25, off the scale
    assert ends(tails, 0.8) == pytest.approx((1.5, 5))
    assert ends(tails_of([10, 1, 2, 1, 1]), 0.6) == pytest.approx((1, 3))
    assert ends(tails_of([1, 8, 1]), 0.4, lowest=6) == pytest.approx((6.75, 7.25))


def test_an_almost_certain_rating_has_an_interval_around_it():
    low, high = ends(tails_of([0, 0, 1, 0]), 0.8)
    assert (low, high) == pytest.approx((2.6, 3.4))


@given(CHANCES, LEVEL, LEVEL, st.integers(-3, 3))
def test_ends_are_ordered_on_the_scale_and_wider_at_a_higher_level(chances, one, other, lowest):
    tails, (small, large) = tails_of(chances), sorted((one, other))
    low, high = ends(tails, small, lowest)
    assert lowest <= low <= high <= lowest + len(chances) - 1
    wide_low, wide_high = ends(tails, large, lowest)
    assert wide_low <= low + 1e-9
    assert high <= wide_high + 1e-9


@given(CHANCES, LEVEL)
def test_a_rating_is_in_the_interval_if_the_middle_of_its_grade_is_within_the_level(chances, level):
    tails = tails_of(chances)
    below = 1 - complete(tails)[0]
    low, high = ends(tails, level)
    for grade in range(len(chances)):
        middle = (below[grade] + below[grade + 1]) / 2
        distance = abs(1 - 2 * middle)
        if abs(distance - level) > 1e-6:  # on the edge rounding decides
            assert (low <= grade + 1 <= high) == (distance < level)


def simulated(rows, seed, width=1.0):
    """Ratings of a normal taste on 1 to 10, what a model says that is too wide or narrow, and who.

    Users with few ratings and titles with a high spread are harder to predict than it says.
    """
    random = np.random.default_rng(seed)
    users, titles = (random.integers(1, 200, rows) for _ in range(2))
    spread = random.uniform(0.6, 1.5, rows)
    deviation = (1 + 1 / np.sqrt(users)) * spread
    centre = random.uniform(3, 9, rows)
    rating = np.clip(np.rint(centre + deviation * random.normal(size=rows)), 1, 10)
    tails = norm.sf(np.arange(1.5, 10), centre[:, None], width)
    return tails, rating, Known(users, titles, np.ones(rows), spread)


def share_held(coefficients, tails, rating, known):
    """How many ratings are in their intervals, and their mean width."""
    stored = Intervals(coefficients, np.ones(1), np.ones(1), np.array(1.0))
    low, high = interval(tails, levels(stored, known), Scale(1, 10))
    return (low <= rating) & (rating <= high), float((high - low).mean())


@pytest.mark.parametrize("width", [0.7, 1.2, 2.5])
def test_intervals_hold_80_per_cent_of_new_ratings_of_whatever_users_and_titles(width):
    tails, rating, known = simulated(6000, seed=0, width=width)
    coefficients = fit_coefficients(tails, rating, Scale(1, 10), known)
    assert coefficients.shape == (5,)
    tails, rating, known = simulated(6000, seed=1, width=width)
    inside, mean_width = share_held(coefficients, tails, rating, known)
    assert inside.mean() == pytest.approx(HELD, abs=0.03)
    for some in (known.user_count < 20, known.user_count > 100, known.title_spread > 1.2):
        assert inside[some].mean() == pytest.approx(HELD, abs=0.06)
    plain = np.array([0.8, 0, 0, 0, 0])
    if width == 2.5:
        naive, naive_width = share_held(plain, tails, rating, known)
        assert naive.mean() > 0.9, "the distribution is too wide"
        assert mean_width < 0.8 * naive_width


def test_a_fit_to_every_second_row_is_that_of_the_sample(monkeypatch):
    tails, rating, known = simulated(400, seed=2)
    half = Known(*(column[::2] for column in known))
    expected = fit_coefficients(tails[::2], rating[::2], Scale(1, 10), half)
    monkeypatch.setattr("pipeline.recommender.interval_fit.ROWS", 200)
    assert fit_coefficients(tails, rating, Scale(1, 10), known) == pytest.approx(expected)


def test_a_spread_is_1_without_ratings_and_that_of_the_ratings_with_many():
    residual = np.array([2.0] * 1000 + [1.0] * 20 + [0.0] * 20)
    rows = np.repeat([1, 2, 3], [1000, 20, 20])
    found = spreads(rows, residual, 5, mean=1.0)
    assert found[[0, 4]].tolist() == [1, 1]
    assert found[1] == pytest.approx(((4000 + 20) / 1020) ** 0.5)
    assert found[2:4] == pytest.approx([1, 0.5**0.5])
    assert spreads(rows[:0], residual[:0], 2, mean=0.0).tolist() == [1, 1]


def test_the_level_of_an_interval_stays_within_bounds():
    nobody = Known(*(np.zeros(1) for _ in range(2)), *(np.ones(1) for _ in range(2)))
    for constant, level in ((9.0, LEVELS[1]), (-9.0, LEVELS[0]), (0.7, 0.7)):
        stored = Intervals(np.array([constant, 0, 0, 0, 0]), np.ones(1), np.ones(1), np.array(1.0))
        assert levels(stored, nobody).tolist() == [level]


def test_what_evaluate_counts_as_held_is_in_the_interval_that_people_are_shown(
    recommender, features
):
    rows, rating = read_rows(features, "test")
    tails = recommender.lists.chances.of_pairs(rows["user"], rows["item"]).tails
    inside, width = held(recommender.details.intervals, tails, rating, rows, Scale(1, 10))
    shown = recommender.outlook(10 * rows["user"], 10 * rows["item"])
    assert width == pytest.approx(shown["high"] - shown["low"])
    assert (inside == ((shown["low"] <= rating) & (rating <= shown["high"]))).all()
    assert 0 < inside.mean() < 1


def test_a_list_and_a_prediction_give_the_same_interval(recommender):
    titles = recommender.recommend(recommender.user("30"), 5, why=False)
    anime = np.array([title["anime_id"] for title in titles])
    columns = recommender.outlook(np.full(len(anime), 30), anime)
    for name in ("prediction", "low", "high", "liked"):
        assert columns[name] == pytest.approx([title[name] for title in titles], abs=1e-4)
