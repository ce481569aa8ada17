"""How chance and gain are joined: the powers that order the lists of validation best."""

import numpy as np
import pytest
from scipy import sparse

from pipeline.artifact.watch import NO_CROSSES, Join
from pipeline.evaluation.ranking import by_user
from pipeline.recommender import joining
from pipeline.recommender.joining import GAIN_POWERS, RATERS_POWERS, TOP, fit_join
from pipeline.recommender.lists import Lists, indicator
from pipeline.recommender.watching import Watching
from pipeline.tables.rows import read_listed, read_pairs

USERS = np.arange(1, 41, dtype="int32")
LIKED = 3  # titles of each user


def fabricated(recommender, raters):
    """The model's gains, and chances that are as high as these numbers of raters; nothing seen."""
    watching = Watching(NO_CROSSES, np.zeros((1, 1), "float32"), raters, 100)
    lists = Lists(recommender.scorer, watching, Join(), raters)
    return lists, sparse.csr_matrix((len(USERS) + 1, len(raters)), dtype="float32")


def liked(titles):
    """Validation rows where each user likes these titles [users, LIKED] best."""
    rows = {"user": np.repeat(USERS, LIKED), "item": titles.ravel().astype("int32")}
    return rows, np.full(len(rows["item"]), 10.0)


def gains_of(lists, trained):
    items = np.tile(np.flatnonzero(trained), (len(USERS), 1))
    return items, lists.chances.gain_pairs(USERS, items)


@pytest.fixture
def raters(recommender):
    """Numbers of raters, all different, in no order of the titles; row 0 is no title."""
    size = recommender.scorer.n_titles
    return np.append(0, (10 * 1.3 ** np.random.default_rng(0).permutation(size - 1)).astype(int))


def test_if_people_liked_what_has_a_high_gain_the_highest_power_of_the_gain_is_chosen(
    recommender, raters
):
    lists, nothing = fabricated(recommender, np.where(raters, 100, 0))  # equal chances
    items, gain = gains_of(lists, raters > 0)
    best = np.take_along_axis(items, np.argsort(-gain, axis=1)[:, :LIKED], 1)
    join, ndcg = fit_join(lists, nothing, liked(best), seed=0)
    assert join == Join(GAIN_POWERS[-1], RATERS_POWERS[0]), "of equal powers of raters the first"
    assert ndcg == pytest.approx(1)


def test_if_people_liked_what_many_know_whatever_they_think_of_it_gain_does_not_count(
    recommender, raters
):
    lists, nothing = fabricated(recommender, raters)
    known = np.argsort(-raters, kind="stable")[:LIKED]
    join, ndcg = fit_join(lists, nothing, liked(np.tile(known, (len(USERS), 1))), seed=0)
    assert join == Join(0.0, 0.0)
    assert ndcg == pytest.approx(1)


@pytest.mark.parametrize("planted", [Join(1.0, 0.5), Join(0.5, 0.3)])
def test_lists_are_as_good_as_with_the_planted_powers_and_what_is_listed_is_liked_as_much(
    recommender, raters, planted
):
    lists, nothing = fabricated(recommender, raters)
    items, gain = gains_of(lists, raters > 0)
    value = raters[items] ** (1 - planted.raters_power) * gain**planted.gain_power
    best = np.take_along_axis(items, np.argsort(-value, axis=1)[:, :LIKED], 1)
    join, ndcg = fit_join(lists, nothing, liked(best), seed=0)
    assert ndcg >= 1 - joining.NOISE
    assert join.gain_power >= planted.gain_power


def test_where_nobody_liked_a_title_that_was_trained_on_the_default_stays(recommender, raters):
    untrained = np.append(raters[:-1], 0)
    lists, nothing = fabricated(recommender, untrained)
    last = np.tile([len(raters) - 1] * LIKED, (len(USERS), 1))
    assert fit_join(lists, nothing, liked(last), seed=0) == (Join(), 0.0)
    rows, rating = liked(np.tile([1, 2, 3], (len(USERS), 1)))
    assert fit_join(lists, nothing, (rows, 0 * rating + 5), seed=0) == (Join(), 0.0)
    nobody = {"user": 0 * rows["user"], "item": rows["item"]}
    assert fit_join(lists, nothing, (nobody, rating), seed=0) == (Join(), 0.0), "unknown users"


def test_the_ndcg_is_that_of_trec_eval_on_the_same_lists(recommender, features):
    lists, (pairs, rating) = recommender.lists, read_pairs(features, "valid")
    listed = indicator(read_listed(features), (lists.scorer.n_users, lists.scorer.n_titles))
    join, ndcg = fit_join(lists, listed, (pairs, rating), seed=0)
    same = Lists(lists.scorer, lists.watching, join, lists.raters)
    users = np.unique(pairs["user"][rating >= 8])
    allowed = (lists.raters > 0) & (listed[users].toarray() == 0)
    values = same.matrix(users, listed[users], allowed)
    scores = {
        str(user): {str(i): float(row[i]) for i in np.argsort(-row)[:TOP] if row[i] > 0}
        for user, row in zip(users, values, strict=True)
    }
    qrels = {str(user): {} for user in users}
    for user, item, given in zip(pairs["user"], pairs["item"], rating, strict=True):
        if str(user) in qrels:
            qrels[str(user)][str(item)] = max(0, int(given) - 7)
    assert ndcg == pytest.approx(by_user(qrels, scores)["ndcg"].mean(), abs=1e-6)
    assert 0.3 < ndcg < 1


def test_a_sample_of_users_decides_and_the_seed_draws_it(recommender, features, monkeypatch):
    lists, valid = recommender.lists, read_pairs(features, "valid")
    listed = indicator(read_listed(features), (lists.scorer.n_users, lists.scorer.n_titles))
    every = fit_join(lists, listed, valid, seed=0)
    assert every == fit_join(lists, listed, valid, seed=1), "there are fewer users than drawn"
    monkeypatch.setattr(joining, "USERS", 5)
    one, again, other = (fit_join(lists, listed, valid, seed=seed)[1] for seed in (0, 0, 1))
    assert one == again != other
    monkeypatch.setattr(joining, "USERS", 1000)
    monkeypatch.setattr(joining, "AT_ONCE", 7)
    join, ndcg = fit_join(lists, listed, valid, seed=0)
    assert (join, ndcg) == (every[0], pytest.approx(every[1]))
