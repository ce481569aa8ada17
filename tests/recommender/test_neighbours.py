"""Neighbours: what the model missed in a user's ratings of similar titles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact.similar import Similar
from pipeline.model.inputs.similar import similar_titles
from pipeline.model.inputs.together import count_together
from pipeline.recommender.neighbours import Neighbours, fit_strength, residuals

TITLES = 6


def neighbours(titles, weights, rated, strength=1.0):
    """Neighbours of titles 1 to 6; ``rated``: user, item, residual of each rating."""
    user, item, residual = zip(*sorted(rated), strict=True)
    arrays = np.array(user, "int32"), np.array(item, "int32"), np.array(residual, "float32")
    pad = np.zeros((1, len(titles[0])))
    similar = Similar(
        np.concatenate([pad, titles]).astype("int32"),
        np.concatenate([pad, weights]).astype("float32"),
        np.array(strength, "float32"),
    )
    return Neighbours(similar, arrays, (4, TITLES + 1))


def test_a_rating_above_its_prediction_raises_that_of_a_similar_title():
    found = neighbours([[2, 3], [1, 3], [1, 2]], [[0.5, 0.25]] * 3, [(1, 2, 2.0), (2, 4, 1.0)], 2)
    # (13): 2 * (.5 * 2) / (1 + .5); the rating of title 4 is of none that is similar
    assert found.shift_pairs(np.array([1]), np.array([[1, 2, 3, 5]]))[0] == pytest.approx(
        [4 / 3, 0, 2 * 0.25 * 2 / 1.25, 0]
    )
    assert not found.shift_pairs(np.array([2, 3]), np.array([[1], [1]])).any()


def test_ratings_of_unknown_users_are_nobodys_evidence():
    strangers = [(0, 2, 3.0), (0, 3, 3.0), (1, 2, 2.0)]
    found = neighbours([[2, 3]] * 3, [[0.5, 0.25]] * 3, strangers)
    assert not found.of_user(0).any()
    assert not found.shift_pairs(np.array([0]), np.array([[1, 3]])).any()
    assert found.of_user(1)[2] == 2


rows = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, TITLES), st.integers(1, 30).map(lambda x: x / 10)),
    unique_by=lambda row: row[:2], min_size=1, max_size=15,
)  # fmt: skip


@given(rated=rows, seed=st.integers(0, 1000))
def test_one_user_many_users_pairs_and_reasons_agree(rated, seed):
    random = np.random.default_rng(seed)
    titles = np.argsort(random.random((4, TITLES)), 1)[:, :3] + 1
    found = neighbours(titles, random.random((4, 3)), rated, 0.7)
    users, items = np.arange(4), np.arange(TITLES + 1)
    residual_of = {(user, item): residual for user, item, residual in rated}
    together = np.zeros((len(users), len(items)))  # by hand
    for user, item in np.ndindex(together.shape):
        known = [
            (weight, residual_of[user, other])
            for other, weight in zip(found.titles[item], found.weights[item], strict=True)
            if (user, other) in residual_of
        ]
        total = sum(weight * residual for weight, residual in known)
        together[user, item] = 0.7 * total / (1 + sum(weight for weight, _ in known))
    pairs = found.shift_pairs(users, np.broadcast_to(items, together.shape))
    assert pairs == pytest.approx(together, abs=1e-5)
    assert found.subset(items[2:4]).shift_pairs(users, np.array([[0, 1]] * 4)) == pytest.approx(
        together[:, 2:4], abs=1e-5
    )
    for user in users:
        residual = found.of_user(user)
        assert found.shift(residual) == pytest.approx(together[user], abs=1e-5)
        rated_items = np.flatnonzero(residual)
        parts = found.parts(residual, items, rated_items)
        assert parts.sum(1) == pytest.approx(together[user], abs=1e-5)


def test_similar_titles_share_their_raters_and_never_include_the_title():
    # Users 1 to 20 rate titles 1 and 2, users 21 to 40 rate 3 and 4; everybody rates 5.
    user = np.repeat(np.arange(1, 41), 3)
    item = np.array([[1, 2, 5]] * 20 + [[3, 4, 5]] * 20).ravel()
    similar = similar_titles(count_together(user, item), 2)
    nearest = np.take_along_axis(similar.titles, similar.weights.argmax(1)[:, None], 1)[:, 0]
    assert list(nearest[1:5]) == [2, 1, 4, 3]
    assert (similar.weights[1:5].max(1) > 0.3).all()
    assert similar.weights[5].max() < 1e-6, "who rated a title that all have rated says nothing"
    own = similar.titles == np.arange(len(similar.titles))[:, None]
    assert not similar.weights[own].any()
    assert (similar.weights >= 0).all()


def test_the_strength_is_that_of_the_validation_rows_but_never_negative():
    random = np.random.default_rng(0)
    shift, noise = random.normal(size=(2, 20_000))
    assert fit_strength(shift, 1.5 * shift + noise) == pytest.approx(1.5, abs=0.05)
    assert fit_strength(shift, -shift + noise) == 0
    assert fit_strength(shift[:10], 1.5 * shift[:10]) == pytest.approx(1.5 * 10 / 110)
    assert fit_strength(np.zeros(3), np.ones(3)) == 0


def test_a_rating_that_was_predicted_exactly_still_counts_as_rated():
    found = residuals(np.array([10.0, 7]), np.array([10.0, 8]))
    assert found[0] != 0
    assert found == pytest.approx([0, -1])
