"""The chance of each grade: of a user's titles and of pairs, with draws and without."""

import numpy as np
import pytest
from helpers.tables import ITEMS
from helpers.training import train
from scipy.stats import norm

from pipeline.artifact.scale import Scale
from pipeline.recommender import grade_chances
from pipeline.recommender.grade_chances import GradeChances, complete
from pipeline.recommender.grades import gains
from pipeline.recommender.scorer import Scorer
from pipeline.tables.rows import read_rows

ROWS = np.array([0, 1, 2, 17, ITEMS, ITEMS + 1])


@pytest.fixture(
    scope="module",
    params=["draws", "network", "wide", "deep", "wide network", "deep network"],
)
def chances(request, features, tmp_path_factory):
    """Distributions of models with both parts or one, with draws and without."""
    if request.param in ("draws", "network"):
        name = {"draws": "recommender", "network": "without_draws"}[request.param]
        return request.getfixturevalue(name).lists.chances
    part, *alone = request.param.split()
    options = [f"model={part}", *(["posterior=none"] if alone else [])]
    return GradeChances(Scorer(train(features, tmp_path_factory.mktemp("part"), *options)))


@pytest.mark.parametrize("user", [0, 1, 2, 40])
def test_the_outlook_of_a_user_is_that_of_the_pairs_and_agrees_with_the_prediction(chances, user):
    scorer = chances.scorer
    alone = chances.outlook(scorer.taste(user), ROWS)
    pairs = chances.of_pairs(np.full(len(ROWS), user), ROWS)
    assert alone.tails == pytest.approx(pairs.tails, abs=1e-5)
    assert alone.prediction == pytest.approx(pairs.prediction, abs=1e-4)
    assert pairs.prediction == pytest.approx(
        scorer.predict(np.full(len(ROWS), user), ROWS), abs=1e-4
    )


def test_chances_of_grades_are_a_distribution(chances):
    user = np.repeat([0, 1, 40], len(ROWS))
    tails = chances.of_pairs(user, np.tile(ROWS, 3)).tails
    assert tails.shape == (len(user), 9)
    assert (np.diff(tails, axis=1) <= 1e-6).all(), "more than a higher grade is less likely"
    grades = -np.diff(complete(tails), axis=1)
    assert grades.sum(1) == pytest.approx(1)
    assert (grades >= -1e-6).all()
    everyone = np.tile(np.arange(1.0, 11), (len(user), 1))
    likelihoods = [chances.log_likelihood(tails, grade) for grade in everyone.T]
    assert np.exp(likelihoods).sum(0) == pytest.approx(1, abs=1e-5)


def test_the_gain_is_what_the_liked_grades_are_worth(chances):
    scorer, user = chances.scorer, np.array([0, 1, 40])
    together = chances.gain_pairs(user, np.tile(ROWS, (3, 1)))
    worth = gains(np.arange(1, 11), Scale(1, 10))
    for row, of_user in zip(user, together, strict=True):
        alone = chances.gain(scorer.taste(row), ROWS)
        assert alone == pytest.approx(of_user, abs=1e-5)
        tails = chances.outlook(scorer.taste(row), ROWS).tails
        assert alone == pytest.approx(tails[:, chances.liked :].sum(1), abs=1e-5)
        assert alone == pytest.approx(-np.diff(complete(tails), axis=1) @ worth, abs=1e-5)


def test_without_draws_grades_lie_within_half_a_point_of_the_normal_around_the_prediction(
    without_draws,
):
    chances, scorer = without_draws.lists.chances, without_draws.scorer
    score, _ = scorer.latent_pairs(np.array([1]), ROWS[None])
    deviation = float(scorer.network.factors.draws[0].noise[0]) ** -0.5
    expected = norm.sf(np.arange(1.5, 10), score[0][:, None], deviation)
    assert chances.of_pairs(np.ones(len(ROWS), int), ROWS).tails == pytest.approx(
        expected, abs=1e-5
    )


def test_the_likelihood_finds_the_planted_taste(recommender, features):
    chances = recommender.lists.chances
    one, two = (chances.of_pairs(np.array([user]), np.array([1])).tails[0] for user in (1, 2))
    assert one.sum() > two.sum() + 2, "user 1 likes odd titles, user 2 even ones"
    rows, rating = read_rows(features, "test")
    tails = chances.of_pairs(rows["user"], rows["item"]).tails
    frequency = np.bincount(rating.astype(int))[rating.astype(int)] / len(rating)
    likelihood = chances.log_likelihood(tails, rating)
    assert likelihood.mean() > np.log(frequency).mean(), "better than the grades' frequencies"


def test_pairs_in_chunks_are_the_pairs_at_once_and_no_pairs_have_no_outlook(
    recommender, features, monkeypatch
):
    chances, (rows, _) = recommender.lists.chances, read_rows(features, "test")
    at_once = chances.of_pairs(rows["user"], rows["item"])
    monkeypatch.setattr(grade_chances, "PAIRS", 7)
    for whole, parts in zip(at_once, chances.of_pairs(rows["user"], rows["item"]), strict=True):
        assert parts == pytest.approx(whole, abs=1e-6)
    none = chances.of_pairs(rows["user"][:0], rows["item"][:0])
    assert none.prediction.shape == (0,)
    assert none.tails.shape == (0, 9)


def test_an_impossible_rating_has_a_finite_likelihood(recommender):
    tails = np.zeros((1, 9))
    assert recommender.lists.chances.log_likelihood(tails, np.array([1.0]))[0] == 0
    assert np.isfinite(recommender.lists.chances.log_likelihood(tails, np.array([10.0])))[0]
