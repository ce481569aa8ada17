"""Baselines: each follows its formula, predicts well, and learns from the right ratings."""

import numpy as np
import pytest
from helpers.tables import ITEMS, USERS

from pipeline.artifact.scale import Scale
from pipeline.evaluation import baselines, references
from pipeline.evaluation.baselines import Biases, Pairs
from pipeline.evaluation.metrics import Bootstrap
from pipeline.evaluation.trees import inputs
from pipeline.tables.entities import read_items, read_users
from pipeline.tables.rows import read_rows


def test_biases_are_the_regularised_least_squares_solution():
    random = np.random.default_rng(0)
    user, item = random.integers(0, 9, 200), random.integers(0, 7, 200)
    rating = 7 + random.normal(size=9)[user] + random.normal(size=7)[item] + random.normal(size=200)
    mean, users, items = baselines.biases(Pairs(user, item, rating), sweeps=200)
    design = np.hstack([np.eye(9)[user], np.eye(7)[item]])
    penalty = np.diag([15.0] * 9 + [10.0] * 7)
    exact = np.linalg.solve(design.T @ design + penalty, design.T @ (rating - rating.mean()))
    assert mean == pytest.approx(rating.mean())
    assert np.concatenate([users, items]) == pytest.approx(exact, abs=1e-6)


def test_a_user_or_title_without_ratings_counts_as_average():
    fit = baselines.biases(Pairs(np.array([1, 1]), np.array([2, 2]), np.array([9.0, 9.0])))
    assert fit.predict(np.array([50, 0]), np.array([50, 1])) == pytest.approx([9, 9])


def test_item_neighbours_follow_the_formula(monkeypatch):
    monkeypatch.setattr(baselines, "NEIGHBOURS", 2)
    random = np.random.default_rng(0)
    rated = random.random((6, 5)) < 0.7
    user, item = np.nonzero(rated)
    rating = random.integers(1, 11, len(user)).astype(float)
    fit = Biases(6.0, np.zeros(6), np.zeros(5))
    residual = np.zeros((6, 5))
    residual[user, item] = rating - 6
    length = np.linalg.norm(residual, axis=0) + baselines.DAMPING
    like = residual.T @ residual / np.outer(length, length)
    np.fill_diagonal(like, 0)
    pairs = np.argwhere(~rated)
    expected = []
    for u, i in pairs:
        near = [j for j in np.argsort(-like[i])[:2] if like[i, j] > 0]
        weights = [like[i, j] * rated[u, j] for j in near]
        total = sum(w * residual[u, j] for w, j in zip(weights, near, strict=True))
        expected.append(6 + total / (sum(weights) + baselines.SIMILARITY_PRIOR))
    predicted = baselines.neighbours(Pairs(user, item, rating), fit, *pairs.T)
    assert predicted == pytest.approx(np.array(expected))


def predictions(features, max_ratings):
    """The ratings of the test rows, and the baselines' predictions of them."""
    compared = references.references.__wrapped__(
        features, Scale(1, 10), Bootstrap(resamples=20, seed=0), max_ratings
    )
    return read_rows(features, "test")[1], compared.predictions


def test_neighbours_and_factorisation_learn_the_planted_taste(features):
    rating, predicted = predictions(features, 10**6)
    mse = {name: np.mean((values - rating) ** 2) for name, (_, values) in predicted.items()}
    for name in ("item_neighbours", "matrix_factorisation"):
        assert mse[name] < 0.5 * mse["user_item_bias"], name
    for mask, values in predicted.values():
        assert mask.all()
        assert values.min() >= 1
        assert values.max() <= 10


def test_slower_baselines_learn_from_a_sample_of_users_above_the_limit(features, monkeypatch):
    learned = []

    def factorisation(pairs, user, item):
        learned.append(pairs)
        return np.full(len(user), 5.0)

    monkeypatch.setattr(baselines, "factorisation", factorisation)
    _, predicted = predictions(features, 1000)  # there are 1,050 ratings
    rows, _ = read_rows(features, "test")
    for name in ("item_neighbours", "matrix_factorisation", "boosted_trees"):
        mask, values = predicted[name]
        assert len(values) == mask.sum() < len(mask)
        assert not set(rows["user"][~mask]) & set(learned[0].user)
    for name in ("global_mean", "user_item_bias"):
        assert predicted[name][0].all()


def test_jobs_that_share_tables_share_their_baselines(features):
    one, again = (
        references.references(features, Scale(1, 10), Bootstrap(5, 0), 10**6) for _ in range(2)
    )
    assert one is again
    assert one is not references.references(features, Scale(1, 10), Bootstrap(5, 1), 10**6)


def test_the_columns_of_the_trees_are_the_features_of_the_model(features):
    users, items = read_users(features / "users.parquet"), read_items(features / "items.parquet")
    rows = {name: np.array([2]) for name in ("user", "item")}
    rows |= {"user_sum": np.array([9]), "user_count": np.array([2])}
    rows |= {"item_sum": np.array([0]), "item_count": np.array([0])}
    columns, codes = inputs(rows, users, items)
    assert columns[0, :2].tolist() == [4.5, 2]
    assert np.isnan(columns[0, 2]), "a title without ratings has no mean"
    assert columns[0, 8:11].tolist() == [0, 1, 0], "title 2 has genre 1"
    assert codes == [columns.shape[1] - 2, columns.shape[1] - 1]
    assert max(users.n_trained, items.n_trained) == max(USERS, ITEMS)
