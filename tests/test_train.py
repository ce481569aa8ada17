"""Train: what is added to the trained network and draws, and what may decide it."""

import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.training import finish, model_settings, train

from pipeline.artifact.folder import NETWORK, model_digest, read_ratings
from pipeline.artifact.similar import SIMILAR, load_similar
from pipeline.artifact.watch import LISTS, WATCH
from pipeline.recommender.scorer import Scorer
from pipeline.tables.rows import read_pairs
from pipeline.train import listed_together, ordered

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


def test_who_watches_what_does_not_depend_on_the_validation_rows(features, model):
    settings, scorer = model_settings(*SETTINGS), Scorer(model)
    pairs, rating = read_pairs(features, "valid")
    odd = np.where(pairs["item"] % 2, 10.0, 1)
    written = []
    for valid in ((pairs, rating), (pairs, odd), ({n: c[:9] for n, c in pairs.items()}, odd[:9])):
        together = listed_together(settings, features)
        ordered(settings, model, valid, scorer, together, features)
        written.append([(model / name).read_bytes() for name in (WATCH, LISTS)])
    crosses, joins = zip(*written, strict=True)
    assert len({*crosses}) == 1
    assert len({*joins}) > 1, "they decide how the two questions are joined"


def test_weights_and_crosses_are_the_same_whatever_people_rated_in_validation(features, tmp_path):
    other = tmp_path / "features"
    shutil.copytree(features, other)
    valid = pd.read_parquet(other / "valid.parquet")
    valid.assign(rating=11 - valid["rating"]).to_parquet(other / "valid.parquet", index=False)
    folders = [tmp_path / name for name in ("one", "two")]
    for folder, tables in zip(folders, (features, other), strict=True):
        folder.mkdir()
        train(tables, folder, *SETTINGS)
    for name in (NETWORK, WATCH):
        assert len({(folder / name).read_bytes() for folder in folders}) == 1, name


def test_a_model_is_the_same_without_any_test_row(features, tmp_path):
    other = tmp_path / "features"
    shutil.copytree(features, other)
    (other / "test.parquet").unlink()
    digests = []
    for name, tables in (("with", features), ("without", other)):
        (tmp_path / name).mkdir()
        train(tables, tmp_path / name, "posterior.sweeps=12", "posterior.burn_in=2")
        digests.append(model_digest(tmp_path / name))
    assert digests[0] == digests[1]
