"""Ranking: metrics agree with other libraries; lists contain no title the user has seen."""

import numpy as np
import pytest
from cornac.metrics import Recall
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import average_precision_score, ndcg_score

from pipeline.evaluation import ranking
from pipeline.evaluation.metrics import Bootstrap

BOOTSTRAP = Bootstrap(resamples=20, seed=0)


def test_a_title_is_liked_from_the_upper_quarter_of_the_scale_on():
    assert ranking.gains(np.array([1, 7, 8, 9, 10]), (1, 10)).tolist() == [0, 0, 1, 2, 3]
    assert ranking.gains(np.array([3, 4, 5]), (1, 5)).tolist() == [0, 1, 2]


@given(st.integers(0, 10_000), st.integers(2, 30))
def test_metrics_of_held_out_titles_agree_with_other_libraries(seed, titles):
    random = np.random.default_rng(seed)
    user, item = np.divmod(np.arange(3 * titles), titles)
    gain = random.integers(0, 4, len(user))
    gain[::titles] = 2  # everyone likes something
    score = random.permutation(len(user)) / 8
    test = ranking.Test(user, item, gain)
    metrics = ranking.held_out(test, score, gain, np.arange(3), BOOTSTRAP)
    truth, given = gain.reshape(3, -1), score.reshape(3, -1)
    assert metrics["ndcg"] == pytest.approx(ndcg_score(truth, given, k=10), abs=1e-9)
    recall = [
        Recall(k=10).compute(gt_pos=np.flatnonzero(t), pd_rank=np.argsort(-s))
        for t, s in zip(truth, given, strict=True)
    ]
    assert metrics["recall"] == pytest.approx(np.mean(recall), abs=1e-9)
    if titles <= 10:
        precision = [average_precision_score(t > 0, s) for t, s in zip(truth, given, strict=True)]
        assert metrics["map"] == pytest.approx(np.mean(precision), abs=1e-9)


def catalogue(score, users=30, titles=60):
    """The metrics of lists ranked by ``score(seen, test)``, on random ratings."""
    random = np.random.default_rng(0)
    seen = sparse.csr_array((random.random((users, titles)) < 0.3).astype("int32"))
    user, item = np.nonzero(seen.toarray() == 0)
    test = ranking.Test(user, item, random.integers(1, 11, len(user)))
    gain = ranking.gains(test.rating, (1, 10))
    genres = np.eye(2, dtype="float32")[np.arange(titles) % 2]
    lists = {"model": score(seen.toarray(), test)}
    metrics = ranking.catalogue(test, gain, np.arange(users), seen, genres, lists, BOOTSTRAP)
    return metrics["model"]


def test_ranking_by_the_true_ratings_gives_a_perfect_ndcg():
    def oracle(seen, test):
        truth = np.zeros(seen.shape)
        truth[test.user, test.item] = test.rating
        return lambda user, item: truth[user][:, item]

    assert catalogue(oracle)["ndcg"] == pytest.approx(1)


def test_seen_titles_are_never_listed_and_coverage_counts_distinct_titles():
    asked = []

    def seen_first(seen, test):
        def score(user, item):
            asked.append(item)
            return 100 * seen[user][:, item] - item

        return score

    metrics = catalogue(seen_first)
    everyone = catalogue(lambda seen, test: lambda user, item: np.tile(-item, (len(user), 1)))
    assert metrics == everyone, "high scores of seen titles change nothing"
    assert len(asked[0]) == 60
    assert 10 / 60 < metrics["coverage"] < 30 / 60


def test_diversity_falls_in_lists_of_one_genre_and_popularity_is_a_ratio():
    one_genre = catalogue(
        lambda seen, test: lambda user, item: np.tile(-1.0 * (item % 2), (len(user), 1))
    )
    assert one_genre["diversity"] == 0
    both = catalogue(lambda seen, test: lambda user, item: np.tile(-item, (len(user), 1)))
    assert 0.4 < both["diversity"] < 0.7

    def by_count(sign):
        def score(seen, test):
            return lambda user, item: np.tile(sign * seen.sum(0)[item], (len(user), 1))

        return score

    popular, rare = catalogue(by_count(1)), catalogue(by_count(-1))
    assert popular["popularity"] > 1 > rare["popularity"]
    assert popular["novelty"] < rare["novelty"]


def test_users_with_too_few_unseen_titles_get_no_list():
    seen = sparse.csr_array(np.ones((2, 12), "int32"))
    test = ranking.Test(np.array([0]), np.array([1]), np.array([9]))
    arguments = (np.array([1]), np.array([0]), seen, seen.T, {"model": None}, BOOTSTRAP)
    assert ranking.catalogue(test, *arguments) == {}


def test_the_sample_of_users_is_limited_to_those_who_liked_a_test_title():
    test = ranking.Test(np.arange(50), np.arange(50), np.arange(50))
    gain = (np.arange(50) % 2).astype(int)
    users = ranking.sample_users(test, gain, 5, seed=0)
    assert len(users) == 5
    assert (users % 2 == 1).all()
    assert ranking.sample_users(test, gain, 100, seed=0).tolist() == list(range(1, 50, 2))
