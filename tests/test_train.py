"""Train: what is added to the trained network and draws, and what may decide it."""

import numpy as np
import pytest
from helpers.training import finish, model_settings, train

from pipeline.artifact.folder import read_ratings
from pipeline.artifact.similar import SIMILAR, load_similar
from pipeline.recommender.scorer import Scorer
from pipeline.tables.rows import read_pairs

SETTINGS = ("posterior=none", "model=wide_deep")


@pytest.fixture
def model(features, tmp_path):
    """A small trained model without similar titles."""
    return train(features, tmp_path, *SETTINGS, "model.wide.neighbours=0")


def test_a_residual_is_the_rating_minus_the_prediction_without_similar_titles(features, model):
    user, item, rating = read_ratings(model, "user", "item", "rating")
    expected = rating - Scorer(model).predict(user, item)
    finish(model_settings(*SETTINGS), model, features)
    assert read_ratings(model, "residual")[0] == pytest.approx(expected, abs=1e-5)
    assert len(rating) == sum(len(read_pairs(features, part)[1]) for part in ("train", "valid"))


def test_the_validation_mse_does_not_see_residuals_of_validation_rows(features, model, monkeypatch):
    monkeypatch.setattr("pipeline.train.fit_strength", lambda *_: 0.5)
    pairs, rating = read_pairs(features, "valid")
    mse, *_ = finish(model_settings(*SETTINGS), model, features)
    stored, rated = load_similar(model)
    held = {*zip(pairs["user"].tolist(), pairs["item"].tolist(), strict=True)}
    of_train = [pair not in held for pair in zip(*(c.tolist() for c in rated[:2]), strict=True)]

    def mse_with(evidence):
        scorer = Scorer(model)
        scorer.add(stored, evidence)
        error = scorer.predict(pairs["user"], pairs["item"]) - rating
        return float(np.mean(error**2))

    assert mse == pytest.approx(mse_with([column[of_train] for column in rated]), rel=1e-6)
    assert mse != pytest.approx(mse_with(rated), rel=1e-4), "the rows would have helped"


def test_without_a_wide_part_or_neighbours_nothing_is_added(features, model):
    for overrides in (("model=deep",), ("model=wide_deep", "model.wide.neighbours=0")):
        settings = model_settings("posterior=none", *overrides)
        assert finish(settings, model, features)[1] == 0
    assert not (model / SIMILAR).exists()
    assert load_similar(model) is None
