"""Metrics: they agree with scikit-learn, and intervals come from a bootstrap over users."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from pipeline.evaluation.metrics import GROUPS, Bootstrap, difference, measure, quantile_groups

FEW = Bootstrap(resamples=20, seed=0)
MANY = Bootstrap(resamples=400, seed=0)
RATINGS = st.lists(
    st.tuples(st.integers(1, 10), st.floats(1, 10, width=32), st.integers(0, 5)),
    min_size=2,
    max_size=50,
)


@given(RATINGS)
def test_errors_are_those_of_scikit_learn(rows):
    rating, prediction, user = (np.array(column) for column in zip(*rows, strict=True))
    ours = measure(rating, prediction, user, FEW).point
    mse = sklearn_metrics.mean_squared_error(rating, prediction)
    assert ours["mse"] == pytest.approx(mse, abs=1e-9)
    assert ours["rmse"] == pytest.approx(mse**0.5, abs=1e-9)
    mae = sklearn_metrics.mean_absolute_error(rating, prediction)
    assert ours["mae"] == pytest.approx(mae, abs=1e-9)
    if len(set(rating)) > 1:
        r2 = sklearn_metrics.r2_score(rating, prediction)
        assert ours["r2"] == pytest.approx(r2, rel=1e-9, abs=1e-9)
    else:
        assert "r2" not in ours


def test_every_figure_is_within_its_interval_and_repeatable():
    random = np.random.default_rng(0)
    user, rating = np.arange(2000) % 90, random.integers(1, 11, 2000)
    prediction, likely = rating + random.normal(0.3, 1, 2000), random.normal(-1, 0.1, 2000)
    figures = measure(rating, prediction, user, MANY, likely)
    assert figures.point["log_likelihood"] == pytest.approx(likely.mean())
    for name, (low, high) in figures.ci95.items():
        assert low < figures.point[name] < high, name
    assert figures == measure(rating, prediction, user, MANY, likely), "the same draws each time"
    assert "log_likelihood" not in measure(rating, prediction, user, FEW).point


def test_the_calibration_error_measures_miscalibration_and_not_the_noise_of_ratings():
    random = np.random.default_rng(0)
    prediction, user = random.uniform(3, 9, 40_000), np.arange(40_000) // 20
    rating = prediction + random.normal(size=40_000)
    honest, shifted, tilted = (
        measure(rating, p, user, MANY).point["calibration_error"]
        for p in (prediction, prediction + 0.5, 6 + 1.2 * (prediction - 6))
    )
    assert honest < 0.02
    assert shifted == pytest.approx(0.5, abs=0.02)
    assert tilted == pytest.approx(0.2 * 1.5, abs=0.02), "the mean of |0.2 (prediction - 6)|"


def test_an_interval_is_wider_where_errors_of_a_user_are_correlated():
    random = np.random.default_rng(0)
    user = np.repeat(np.arange(50), 40)
    independent, equal = random.exponential(size=2000), np.repeat(random.exponential(size=50), 40)
    wide, narrow = (MANY.mean(errors, user) for errors in (equal, independent))
    assert narrow[0] < independent.mean() < narrow[1]
    assert wide[0] < equal.mean() < wide[1]
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_of_fewer_than_six_users_there_is_no_interval_and_nothing_is_better():
    random = np.random.default_rng(0)
    rating, prediction = random.integers(1, 11, 300), random.uniform(1, 10, 300)
    for users in (1, 5, 6):
        user = np.arange(300) % users
        figures = measure(rating, prediction, user, MANY)
        known = users == 6
        assert np.isfinite(figures.ci95["mse"]).all() == known
        assert ("calibration_error" in figures.point) == known
        assert difference(rating - 1.0, rating, user, MANY)["better"] == known


def test_a_draw_has_as_many_users_as_the_data_each_with_all_their_rows():
    totals = Bootstrap(resamples=50, seed=1).totals(np.eye(7))
    assert (totals.sum(1) == 7).all()
    assert (totals == totals.round()).all()
    assert len(np.unique(totals, axis=0)) > 40


def test_better_means_significantly_better_on_the_same_rows():
    random = np.random.default_rng(0)
    user, theirs = np.arange(3000) % 100, random.exponential(size=3000)
    same = difference(theirs, theirs + random.normal(0, 0.5, 3000), user, MANY)
    less = difference(theirs - 0.1, theirs + random.normal(0, 0.5, 3000), user, MANY)
    assert not same["better"]
    assert less["better"]
    assert less["difference"] == pytest.approx(-0.1, abs=0.03)
    assert less["difference_ci95"][0] < less["difference"] < less["difference_ci95"][1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=99))
def test_quantile_groups_are_of_equal_size_and_in_order(values):
    groups = quantile_groups(np.array(values), GROUPS)
    sizes = np.bincount(groups, minlength=GROUPS)
    assert sizes.max() - sizes.min() <= 1
    members = [np.array(values)[groups == group] for group in np.unique(groups)]
    assert all(one.max() <= other.min() for one, other in itertools.pairwise(members))
