"""Predictions: of all titles, of pairs and in chunks, and the likelihood of ratings."""

from statistics import NormalDist

import numpy as np
import pytest
from helpers.tables import ITEMS
from helpers.training import train, train_network
from pyarrow.feather import read_table

from pipeline.artifact.draws import load_draws
from pipeline.errors import UserError
from pipeline.recommender.recommender import Recommender
from pipeline.recommender.scorer import Scorer
from pipeline.tables.entities import read_users
from pipeline.tables.rows import read_rows

pytestmark = pytest.mark.slow


def shift_by_hand(folder, user, item):
    """What similar titles add to the score of a pair, by equation (13) of docs/model.md."""
    if not (folder / "similar.npz").exists():
        return 0.0
    similar, rated = np.load(folder / "similar.npz"), read_table(folder / "ratings.arrow")
    mine = rated.to_pandas().query("user == @user").set_index("item").residual
    if item >= len(similar["titles"]):
        return 0.0
    near = zip(similar["titles"][item], similar["weights"][item], strict=True)
    pairs = [(weight, mine[title]) for title, weight in near if title in mine.index]
    total = sum(weight * residual for weight, residual in pairs)
    return float(similar["strength"]) * total / (1 + sum(weight for weight, _ in pairs))


def draw_by_hand(kept, draw, user, item, shift):
    """One draw's prediction of a pair, by equations (1) and (2) of docs/model.md."""
    weights = draw.users[user].astype(float)
    prior_mean = np.append(kept.attributes[item], 1) @ draw.map
    title = draw.items[item].astype(float) if 0 < item < len(draw.items) else prior_mean
    k, wide = kept.layout
    score = float(draw.intercept) + weights[:k] @ title[:k] + shift
    if wide:
        score += weights[k] + title[k] + weights[k + 1 :] @ kept.attributes[item, kept.crossed]
    if not len(draw.cuts):
        return score
    root = draw.noise[user] ** 0.5
    return 1 + sum(NormalDist().cdf((score - cut) * root) for cut in draw.cuts)


def by_hand(keras, folder, user, item):
    """The prediction of a pair by equation (10), from the stored draws and the Keras network."""
    rows = {"user": np.array([user], "int32"), "item": np.array([item], "int32")}
    shift = shift_by_hand(folder, user, item)
    network = np.clip(keras(rows).numpy()[0] + shift, 1, 10)
    if not (folder / "draws.npz").exists():
        return network
    kept, _ = load_draws(folder / "draws.npz")
    trained = user if user <= read_users(folder / "users.parquet").n_trained else 0
    draws = (draw_by_hand(kept, draw, trained, item, shift) for draw in kept.draws)
    predictions = [np.clip(prediction, 1, 10) for prediction in draws]
    return 0.8 * np.mean(predictions) + 0.2 * network


@pytest.mark.parametrize("network", ["wide", "deep", "wide_deep"])
@pytest.mark.parametrize("draws", [[], ["posterior=none"]])
def test_predictions_follow_the_equations(features, tmp_path, network, draws):
    keras = train_network(features, tmp_path, *draws, f"model={network}", share=0.8)
    scorer, titles = Scorer(tmp_path), [0, 1, 8, 30, 31]
    for user in (0, 1, 7, 40):
        scores = scorer.scores(scorer.taste(user))
        exact = [by_hand(keras, tmp_path, user, item) for item in titles]
        assert scores[titles] == pytest.approx(exact, abs=1e-4)
        pairs = scorer.pairs(np.array([user]), np.arange(ITEMS + 2)[None, ::3])
        assert pairs[0] == pytest.approx(scores[::3], abs=1e-5)


def test_predicting_in_chunks_is_predicting_at_once(recommender, features, monkeypatch):
    rows, _ = read_rows(features, "test")
    scorer = recommender.scorer
    at_once = scorer.predict(rows["user"], rows["item"])
    monkeypatch.setattr("pipeline.recommender.scorer.CHUNK", 7)
    assert scorer.predict(rows["user"], rows["item"]) == pytest.approx(at_once, abs=1e-6)


@pytest.mark.parametrize(("name", "width"), [("wide", None), ("deep", 4), ("wide_deep", 4)])
def test_titles_have_vectors_unless_the_model_is_wide_only(features, tmp_path, name, width):
    vectors = Scorer(train(features, tmp_path, "posterior=none", f"model={name}")).vectors()
    assert (vectors is None) if width is None else vectors.shape == (ITEMS + 1, width)


def test_a_folder_without_a_model_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match="no trained model here; `dvc repro` makes one"):
        Recommender(tmp_path)
