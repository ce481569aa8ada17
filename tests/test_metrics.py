"""Metrics and baselines: they agree with independent ways to the same numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from pipeline import baselines, metrics

RATINGS = st.lists(
    st.tuples(st.integers(1, 10), st.floats(1, 10, width=32)), min_size=1, max_size=50
)


@given(RATINGS)
def test_errors_are_those_of_scikit_learn(pairs):
    rating, prediction = (np.array(column, "float32") for column in zip(*pairs, strict=True))
    ours = metrics.errors(rating, prediction)
    theirs = {
        "mse": sklearn_metrics.mean_squared_error(rating.astype(float), prediction.astype(float)),
        "mae": sklearn_metrics.mean_absolute_error(rating.astype(float), prediction.astype(float)),
    }
    assert ours["mse"] == pytest.approx(theirs["mse"], abs=1e-9)
    assert ours["mae"] == pytest.approx(theirs["mae"], abs=1e-9)
    assert ours["rmse"] ** 2 == pytest.approx(ours["mse"])


def test_the_interval_covers_the_mean_and_is_wider_where_ratings_of_a_user_hang_together():
    random = np.random.default_rng(0)
    user = np.repeat(np.arange(50), 40)
    alone, together = random.exponential(size=2000), np.repeat(random.exponential(size=50), 40)
    wide, narrow = (metrics.interval(e, user, 400, seed=0) for e in (together, alone))
    assert narrow[0] < alone.mean() < narrow[1]
    assert wide[0] < together.mean() < wide[1]
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])
    assert metrics.interval(alone, user, 400, seed=0) == narrow


def test_errors_by_rating_and_by_prediction_add_up_to_the_whole():
    random = np.random.default_rng(0)
    rating = random.integers(1, 11, 500).astype(float)
    prediction = np.clip(rating + random.normal(size=500), 1, 10)
    groups = metrics.by_rating(rating, {"model": prediction})
    whole = metrics.errors(rating, prediction)["mse"]
    assert np.average(groups.model, weights=groups.n) == pytest.approx(whole)
    calibration = metrics.by_prediction(rating, prediction)
    assert calibration.n.sum() == 500
    assert calibration.predicted.is_monotonic_increasing
    assert np.average(calibration.actual, weights=calibration.n) == pytest.approx(rating.mean())


def test_biases_are_the_regularised_least_squares_solution():
    random = np.random.default_rng(0)
    user, item = random.integers(0, 9, 200), random.integers(0, 7, 200)
    rating = 7 + random.normal(size=9)[user] + random.normal(size=7)[item] + random.normal(size=200)
    mean, users, items = baselines.biases(user, item, rating, sweeps=200)
    design = np.hstack([np.eye(9)[user], np.eye(7)[item]])
    penalty = np.diag([15.0] * 9 + [10.0] * 7)
    exact = np.linalg.solve(design.T @ design + penalty, design.T @ (rating - rating.mean()))
    assert mean == pytest.approx(rating.mean())
    assert np.concatenate([users, items]) == pytest.approx(exact, abs=1e-6)


def test_a_user_or_title_without_ratings_counts_as_average():
    fit = baselines.biases(np.array([1, 1]), np.array([2, 2]), np.array([9.0, 9.0]))
    assert baselines.predict(*fit, np.array([50, 0]), np.array([50, 1])) == pytest.approx([9, 9])
