"""The mixture: how much the network and each member count is fitted to validation rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact.draws import load_draws
from pipeline.artifact.scale import Scale
from pipeline.recommender.factors import Factors
from pipeline.recommender.mixture import fit_shares, shares
from pipeline.recommender.network import Network
from pipeline.tables.rows import read_rows


@given(st.integers(1, 4), st.integers(1, 60), st.integers(0, 99))
def test_shares_are_never_negative_and_add_up_to_1(contenders, ratings, seed):
    random = np.random.default_rng(seed)
    rating = random.integers(1, 11, ratings).astype(float)
    found = shares(rating + random.normal(0, 1, (contenders, ratings)), rating)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1)


def test_many_ratings_choose_the_best_contender_and_few_leave_the_shares_nearly_equal():
    random = np.random.default_rng(0)
    rating = random.normal(7, 1.5, 200_000)
    predictions = np.stack([rating, rating + random.normal(0, 1, 200_000)])
    assert shares(predictions, rating)[0] > 0.98
    assert shares(predictions[:, :20], rating[:20]) == pytest.approx([0.5, 0.5], abs=0.1)


def test_contenders_that_err_alike_and_independently_count_alike():
    random = np.random.default_rng(0)
    rating = random.normal(7, 1.5, 100_000)
    predictions = rating + random.normal(0, 1, (2, 100_000))
    assert shares(predictions, rating) == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_stored_model_is_weighed_by_its_members(features, models):
    network = Network(*load_draws(models / "network.npz"), Scale(1, 10))
    posterior = Factors(load_draws(models / "draws.npz")[0], Scale(1, 10))
    rows, rating = read_rows(features, "valid")
    pairs = rows["user"], rows["item"]
    found = fit_shares(network, posterior, 3, Scale(1, 10), pairs, rating)
    assert len(found) == 4
    assert found.sum() == pytest.approx(1)
