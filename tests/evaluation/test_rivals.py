"""Rivals of the lists: each follows its formula and learns from the right rows."""

import warnings

import numpy as np
import pytest
from scipy import sparse

from pipeline.artifact.scale import Scale
from pipeline.evaluation import rivals
from pipeline.evaluation.baselines import Biases
from pipeline.evaluation.lists import best_unseen
from pipeline.evaluation.metrics import Bootstrap
from pipeline.evaluation.references import references
from pipeline.tables.rows import read_rows

PERSONAL = {"item_neighbours", "ials", "ease"}


def ratings(users=60, titles=12, seed=0):
    """Who rated what, without a pattern: [users, titles]."""
    return sparse.csr_array((np.random.default_rng(seed).random((users, titles)) < 0.4) * 1)


def fitted(rated, sampled=None):
    sampled = np.ones(rated.shape[0], bool) if sampled is None else sampled
    biases = Biases(7.0, np.zeros(rated.shape[0]), np.arange(rated.shape[1]) / 10)
    return rivals.fit(rated, sampled, biases)


def all_scores(score, rated):
    return score(*(np.arange(size, dtype="int32") for size in rated.shape))


def two_tastes():
    """Users of odd rows rated titles 1 to 9 with odd numbers, the others even ones; all rated 0."""
    user, item = np.indices((600, 10))
    held_out = np.random.default_rng(0).random(user.shape) < 0.3
    return sparse.csr_array((((user - item) % 2 == 0) & ~held_out | (item == 0)) * 1)


def test_ease_is_the_ridge_regression_of_each_title_on_the_others(monkeypatch):
    monkeypatch.setattr("pipeline.artifact.ridge.BLOCK", 5)
    rated = ratings()
    table, weights = rated.toarray().astype(float), np.zeros((12, 12))
    for title in range(12):
        others = np.arange(12) != title
        design, ridge = table[:, others], rivals.RIDGE * np.eye(11)
        normal = design.T @ design + ridge
        weights[others, title] = np.linalg.solve(normal, design.T @ table[:, title])
    found = rivals.ease_weights(rated.astype(np.float32))
    assert found == pytest.approx(weights, abs=1e-6)
    assert all_scores(fitted(rated)["ease"], rated) == pytest.approx(table @ weights, abs=1e-6)


def test_ease_leaves_out_the_least_rated_titles_above_its_limit(monkeypatch):
    monkeypatch.setattr(rivals, "MAX_TITLES", 8)
    rated = ratings()
    rare = np.argsort(rated.sum(0), kind="stable")[:4]
    score = all_scores(fitted(rated)["ease"], rated)
    assert set(np.flatnonzero(~score.any(0))) <= set(rare)
    assert len(np.flatnonzero(score.any(0))) == 8
    table = rated.toarray()
    table[:, rare] = 0
    assert score == pytest.approx(all_scores(fitted(sparse.csr_array(table))["ease"], rated))


def test_item_neighbours_add_up_the_similarities_of_the_rated_titles():
    from implicit.nearest_neighbours import BM25Recommender

    rated = ratings()
    model = BM25Recommender(rivals.NEIGHBOURS, **rivals.BM25, num_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what `rivals` goes round
        model.fit(sparse.csr_matrix(rated, dtype=np.float32), show_progress=False)
    expected = (rated @ model.similarity).toarray()
    assert all_scores(fitted(rated)["item_neighbours"], rated) == pytest.approx(expected)


@pytest.mark.parametrize("name", sorted(PERSONAL))
def test_a_user_is_listed_what_people_of_the_same_taste_rated(name):
    rated = two_tastes()
    score = all_scores(fitted(rated)[name], rated)
    user, item = np.nonzero(rated.toarray() == 0)
    same = (user - item) % 2 == 0
    assert score[user, item][same].mean() > score[user, item][~same].mean()


@pytest.mark.parametrize("name", sorted(PERSONAL))
def test_users_who_were_not_sampled_are_scored_from_their_own_ratings(name):
    rated, sampled = two_tastes(), np.arange(600) < 450
    score = all_scores(fitted(rated, sampled)[name], rated)
    twin = rated.toarray()
    twin[599] = twin[1]
    scored = all_scores(fitted(sparse.csr_array(twin), sampled)[name], rated)
    assert scored[599] == pytest.approx(score[1], rel=1e-4)
    assert scored[:450] == pytest.approx(score[:450]), "nothing is learned from them"


def test_a_user_without_ratings_gets_the_most_rated_titles_from_all():
    table = two_tastes().toarray()
    table[5] = 0
    rated = sparse.csr_array(table)
    titles = np.argsort(-table.sum(0), kind="stable").astype("int32")
    scores = fitted(rated)
    for name in PERSONAL | {"most_rated"}:
        assert best_unseen(np.array([5]), titles, rated, scores[name])[0].tolist() == list(titles)


def test_a_second_fit_gives_the_same_bytes_and_no_warning():
    rated = ratings()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, again = ({n: all_scores(s, rated) for n, s in fitted(rated).items()} for _ in range(2))
    for name in one:
        assert one[name].tobytes() == again[name].tobytes(), name


def test_rivals_never_see_the_test_rows(features):
    found = references.__wrapped__(features, Scale(1, 10), Bootstrap(5, 0), 10**6)
    rows, _ = read_rows(features, "test")
    assert not found.listed.toarray()[rows["user"], rows["item"]].any()
    assert found.listed.sum() == sum(len(read_rows(features, p)[1]) for p in ("train", "valid"))
    history = read_rows(features, "train")[0]["user"]
    assert found.history.tolist() == np.bincount(history, minlength=len(found.history)).tolist()
    assert found.scores.keys() == PERSONAL | {"user_item_bias", "most_rated"}
