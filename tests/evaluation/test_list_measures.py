"""Lists from the whole catalogue: nothing seen is listed, and all their figures are right."""

import numpy as np
import pytest
from scipy import sparse

from pipeline.artifact.scale import Scale
from pipeline.evaluation import catalogue, ranking
from pipeline.evaluation.metrics import Bootstrap
from pipeline.recommender.grades import gains

BOOTSTRAP = Bootstrap(resamples=20, seed=0)
USERS, TITLES = 30, 60


def measured(*scores, history=None):
    """The figures of lists ranked by each ``score(seen, test)``, the model's first."""
    random = np.random.default_rng(0)
    seen = sparse.csr_array((random.random((USERS, TITLES)) < 0.3).astype("int32"))
    user, item = np.nonzero(seen.toarray() == 0)
    test = ranking.Test(user, item, random.integers(1, 11, len(user)))
    history = np.zeros(USERS, int) if history is None else history
    names = ["model", *map(str, range(1, len(scores)))]
    lists = {name: score(seen.toarray(), test) for name, score in zip(names, scores, strict=True)}
    genres = np.eye(2, dtype="float32")[np.arange(TITLES) % 2]
    gain = gains(test.rating, Scale(1, 10))
    given = seen, genres, history
    return catalogue.measure(test, gain, np.arange(USERS), *given, lists, BOOTSTRAP)


def oracle(seen, test):
    truth = np.zeros(seen.shape)
    truth[test.user, test.item] = test.rating
    return lambda user, item: truth[user][:, item]


def first(seen, test):
    return lambda user, item: np.tile(-item, (len(user), 1))


def test_ranking_by_the_true_ratings_gives_a_perfect_ndcg_and_hits_of_the_best_ratings():
    figures = measured(oracle)["model"]
    assert figures["ndcg"] == pytest.approx(1)
    assert figures["hits"] > 9
    low, high = figures["ci95"]["hits"]
    assert low <= figures["hits"] <= high


def test_seen_titles_are_never_listed_and_coverage_counts_distinct_titles():
    asked = []

    def seen_first(seen, test):
        def score(user, item):
            asked.append(item)
            return 100 * seen[user][:, item] - item

        return score

    figures = measured(seen_first)["model"]
    assert figures == measured(first)["model"], "high scores of seen titles change nothing"
    assert sorted(asked[0]) == list(range(TITLES))
    assert 10 / 60 < figures["coverage"] < 30 / 60


def test_of_equal_scores_the_title_that_more_have_seen_comes_first():
    def indifferent(seen, test):
        return lambda user, item: np.zeros((len(user), len(item)))

    def by_count(seen, test):
        return lambda user, item: np.tile(seen.sum(0)[item], (len(user), 1))

    assert measured(indifferent) == measured(by_count)


def test_hits_are_the_mean_rating_of_the_listed_test_rows():
    seen = sparse.csr_array(np.ones((2, 24), "int32"))
    seen[1, :20] = 0
    seen.eliminate_zeros()
    test = ranking.Test(np.array([1, 1, 1, 0]), np.array([0, 9, 10, 5]), np.array([8.0, 5, 1, 10]))
    gain = gains(test.rating, Scale(1, 10))
    scores = {"model": first(None, None), "last": lambda user, item: item[None] * 1.0}
    given = np.array([1]), seen, np.ones((24, 1)), np.array([0, 4])
    figures = catalogue.measure(test, gain, *given, scores, BOOTSTRAP)
    assert figures["model"]["hits"] == 6.5, "titles 0 and 9; title 10 is not listed"
    assert figures["last"]["hits"] == 1
    without = ranking.Test(*(column[2:] for column in test))
    figures = catalogue.measure(without, gain[2:], *given, scores, BOOTSTRAP)
    assert "hits" not in figures["model"], "a test row of somebody else is no hit"


def test_the_difference_to_the_same_list_is_0_and_to_a_worse_one_significant():
    figures = measured(oracle, oracle, first)
    assert "difference" not in figures["model"]
    assert figures["1"]["difference"] == 0
    assert figures["1"]["difference_ci95"] == (0, 0)
    assert not figures["1"]["better"]
    gap = figures["model"]["ndcg"] - figures["2"]["ndcg"]
    assert figures["2"]["difference"] == pytest.approx(gap)
    assert figures["2"]["better"], "the higher NDCG is better"
    assert not measured(first, oracle)["1"]["better"]


def test_ndcg_by_history_averages_over_users_with_as_many_training_ratings():
    history = np.repeat([0, 1, 5, 150], [6, 4, 10, 10])

    def oracle_of_few(seen, test):
        truth = oracle(seen, test)
        return lambda user, item: np.where(user[:, None] < 6, truth(user, item), -item)

    figures = measured(oracle_of_few, history=history)["model"]
    rows = {row["history"]: row for row in figures["by_history"]}
    assert {name: row["users"] for name, row in rows.items()} == {"0": 6, "1-5": 14, "101-1000": 10}
    assert rows["0"]["ndcg"] == pytest.approx(1)
    assert rows["0"]["ci95"] == pytest.approx((1, 1))
    whole = sum(row["users"] * row["ndcg"] for row in rows.values()) / USERS
    assert figures["ndcg"] == pytest.approx(whole)


def test_diversity_falls_in_lists_of_one_genre_and_popularity_is_a_ratio():
    def even(seen, test):
        return lambda user, item: np.tile(-1.0 * (item % 2), (len(user), 1))

    def by_count(sign):
        return lambda seen, test: (
            lambda user, item: np.tile(sign * seen.sum(0)[item], (len(user), 1))
        )

    assert measured(even)["model"]["diversity"] == 0
    assert 0.4 < measured(first)["model"]["diversity"] < 0.7
    figures = measured(by_count(1), by_count(-1))
    popular, rare = figures["model"], figures["1"]
    assert popular["popularity"] > 1 > rare["popularity"]
    assert popular["novelty"] < rare["novelty"]


def test_users_with_too_few_unseen_titles_get_no_list():
    seen = sparse.csr_array(np.ones((2, 12), "int32"))
    test = ranking.Test(np.array([0]), np.array([1]), np.array([9]))
    given = np.array([1]), np.array([0]), seen, seen.T, np.array([12, 12])
    assert catalogue.measure(test, *given, {"model": None}, BOOTSTRAP) == {}
