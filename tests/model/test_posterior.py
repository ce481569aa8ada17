"""The posterior draws: inputs, learning, reproducibility, and resuming a killed run."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.tables import ITEMS
from helpers.training import ALL_MEMBERS, model_settings, shard_of, train
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact.draws import Draw
from pipeline.artifact.scale import Scale
from pipeline.errors import UserError
from pipeline.model.checkpoint import Checkpoint, State
from pipeline.model.distributions import Random
from pipeline.model.inputs.history import histories
from pipeline.model.posterior import sampler
from pipeline.model.posterior.algebra import inner
from pipeline.model.posterior.ordered_probit import Grades, expected
from pipeline.model.posterior.padded import padded
from pipeline.model.shard import Part
from pipeline.model.workers import Workers
from pipeline.recommender.scorer import Scorer
from pipeline.tables.rows import read_rows

pytestmark = pytest.mark.slow

SMALL = ["posterior.embedding=3", "posterior.history_components=5", "posterior.sweeps=12"]


def settings(*overrides):
    chosen = [*SMALL, "posterior.burn_in=2", "posterior.keep_every=2", *overrides]
    return model_settings(*chosen)


def sampled(features, folder, *overrides):
    return sampler.sample(
        settings(*overrides), features, lambda *_: None, Checkpoint(folder, [*overrides])
    )


def scorer(features, folder, *overrides):
    """The scorer of a trained model, by the draws alone: the network has no weight."""
    return Scorer(train(features, folder, *overrides, share=1))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=60))
def test_groups_hold_every_rating_once_with_its_user(pairs):
    user, item = np.array(pairs, "int32").T
    indices = []
    for group in padded(user, item):
        present = group.present.numpy() == 1
        index = group.index.numpy()
        assert (index[~present] == len(user)).all()
        owner = np.broadcast_to(group.entity.numpy()[:, None], present.shape)
        assert (user[index[present]] == owner[present]).all()
        assert (item[index[present]] == group.other.numpy()[present]).all()
        indices += index[present].tolist()
    assert sorted(indices) == list(range(len(user)))


def test_a_history_depends_on_who_rated_what_not_on_the_ratings():
    user, item = np.array([1, 1, 2, 2, 3]), np.array([1, 2, 1, 2, 3])
    shard = shard_of(user, item, users=5, titles=4)
    history, _, basis = histories(shard, most=3, power=0.5, seed=0, workers=Workers())
    assert history[1] == pytest.approx((basis[1] + basis[2]) / 2**0.5, abs=1e-5)
    assert history[1] == pytest.approx(history[2], abs=1e-5)
    assert abs(history[1] @ history[3]) < 1e-5
    assert history[[0, 4]] == pytest.approx(0, abs=1e-6), "users without ratings have no history"


def test_histories_are_the_principal_components_of_who_rated_what():
    random = np.random.default_rng(0)
    rated = random.random((60, 30)) < random.random(30) / 2
    user, item = np.nonzero(rated)
    shard = shard_of(user, item, users=60, titles=30)
    users, titles, basis = histories(shard, most=10, power=0.3, seed=0, workers=Workers())
    for rows, found in ((rated, users), (rated.T, titles)):
        scaled = rows * np.maximum(rows.sum(1, keepdims=True), 1) ** -0.3
        _, sizes, vectors = np.linalg.svd(scaled)
        assert np.linalg.norm(found, axis=0) == pytest.approx(sizes[:10], rel=1e-3)
        signs = np.sign((scaled @ vectors[:10].T * found).sum(0))
        assert found[:, :4] == pytest.approx((scaled @ vectors[:4].T) * signs[:4], abs=0.02)
    assert basis.T @ basis == pytest.approx(np.eye(10), abs=1e-4)


@pytest.mark.parametrize("member", sampler.MEMBERS)
@pytest.mark.parametrize("model", ["wide", "deep", "wide_deep"])
def test_every_member_of_every_model_learns_the_planted_taste(features, tmp_path, model, member):
    chosen = [f"model={model}", f"posterior.members=[{member}]", "posterior.sweeps=40"]
    rows, rating = read_rows(features, "test")
    predictions = scorer(features, tmp_path, *chosen).predict(rows["user"], rows["item"])
    assert np.mean((predictions - rating) ** 2) < 0.5 * rating.var()
    assert predictions.min() >= 1
    assert predictions.max() <= 10


def test_unknown_users_and_titles_without_ratings_get_predictions_from_the_prior(
    features, tmp_path
):
    user, item = np.array([0, 1, 2, 1]), np.array([1, ITEMS + 1, ITEMS + 1, 0])
    rating = scorer(features, tmp_path, "posterior.sweeps=60").predict(user, item)
    assert np.isfinite(rating).all()
    assert rating[1] > rating[2] + 1, "user 1 likes the genre of the last title, user 2 does not"


def test_the_same_seed_gives_the_same_draws_and_another_does_not(features, tmp_path):
    runs = [
        sampled(features, tmp_path / str(i), f"train.seed={s}") for i, s in enumerate((1, 1, 2))
    ]
    one, same, other = (np.stack([draw.users for draw in kept.draws]) for kept in runs)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("killed_after", [1, 5, 14, 30])
def test_a_killed_run_resumes_to_the_same_draws(features, tmp_path, monkeypatch, killed_after):
    whole = sampled(features, tmp_path / "whole")
    checked, calls = sampler.checked, []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) > killed_after:
            raise KeyboardInterrupt
        return checked(*arguments)

    monkeypatch.setattr(sampler, "checked", killed)
    with pytest.raises(KeyboardInterrupt):
        sampled(features, tmp_path / "interrupted")
    monkeypatch.setattr(sampler, "checked", checked)
    resumed = sampled(features, tmp_path / "interrupted")
    for one, other in zip(resumed.draws, whole.draws, strict=True):
        for field in Draw._fields:
            assert np.array_equal(getattr(one, field), getattr(other, field)), field


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path):
    state = State([tf.Variable([1.0])], [])
    Checkpoint(tmp_path, "these").save(0, 7, state)
    assert Checkpoint(tmp_path, "these").restore(0, state, 9) == 7
    assert Checkpoint(tmp_path, "others").restore(0, state, 9) == 0
    assert Checkpoint(tmp_path, "these").restore(0, state, 9) == 0, "the others removed it"


def test_a_chain_that_diverges_stops_the_run_and_says_what_to_lower():
    with pytest.raises(UserError, match=r"member normal diverged in sweep 3; lower posterior"):
        sampler.checked(lambda: tf.constant(np.nan), "normal", 3)


def test_thresholds_stay_ordered_and_enclose_the_latent_scores_of_their_grade():
    random, score = np.random.default_rng(0), tf.zeros(20_000)
    rating = random.choice([1, 2, 3, 4, 5], 20_000, p=[0.1, 0.1, 0.4, 0.3, 0.1]).astype("float32")
    grades, draws = Grades(rating, Scale(1, 5), mean=3.0), Random(0)
    initial_gap = grades.cuts.numpy()[2] - grades.cuts.numpy()[1]
    for _ in range(50):
        latent = grades.draw(score, tf.ones(20_000), draws, Part(0, 20_000, 20_000)).numpy()
    cuts = grades.cuts.numpy()
    assert (np.diff(cuts) > 0).all()
    assert initial_gap == pytest.approx(1)
    below = np.searchsorted(cuts, latent)
    assert (below == rating - 1).all(), "a latent score lies between the thresholds of its grade"


def test_thresholds_stay_in_order_where_a_grade_is_never_given():
    rating = np.tile(np.array([1, 2, 4, 5], "float32"), 500)
    grades, draws = Grades(rating, Scale(1, 5), mean=3.0), Random(0)
    for _ in range(100):
        grades.draw(tf.constant(rating - 3), tf.ones(2000), draws, Part(0, 2000, 2000))
    assert (np.diff(grades.cuts.numpy()) >= 0).all()


def test_the_expected_rating_without_noise_is_the_grade_and_with_much_noise_the_middle():
    cuts = np.array([1.5, 2.5, 3.5, 4.5], "float32")
    score, precise = tf.constant([1.0, 3.0, 5.0]), tf.fill([3], 1e6)
    assert expected(score, precise, cuts, 1).numpy() == pytest.approx([1, 3, 5])
    assert expected(score, tf.fill([3], 1e-6), cuts, 1).numpy() == pytest.approx(
        [3, 3, 3], abs=0.01
    )


@pytest.mark.parametrize("crosses", [[], ["genres"], ["year", "ratings"]])
def test_users_have_weights_for_the_configured_crosses(features, tmp_path, crosses):
    chosen = ["posterior.attributes=[genres,year,ratings]", "posterior.sweeps=4"]
    kept = sampled(features, tmp_path, *chosen, f"posterior.crosses=[{','.join(crosses)}]")
    assert {kept.labels[column][0] for column in kept.crossed} == set(crosses)
    assert {name for name, _ in kept.labels} == {"genres", "year", "ratings"}
    draw = kept.draws[0]
    assert draw.users.shape[1] == 3 + 1 + len(kept.crossed)
    assert len(draw.map) == kept.attributes.shape[1] + 1


def test_a_posterior_without_attributes_learns_titles_from_their_ratings_alone(features, tmp_path):
    chosen = ["posterior.attributes=[]", "posterior.crosses=[]", ALL_MEMBERS]
    rows, rating = read_rows(features, "test")
    predictions = scorer(features, tmp_path, *chosen).predict(rows["user"], rows["item"])
    assert np.mean((predictions - rating) ** 2) < 0.8 * rating.var()


def test_long_products_are_correct_and_the_same_each_time():
    random = np.random.default_rng(0)
    left, right = (tf.constant(random.normal(size=(50_001, 9)), tf.float32) for _ in range(2))
    products = [inner(left, right).numpy() for _ in range(20)]
    assert all(np.array_equal(product, products[0]) for product in products)
    assert products[0] == pytest.approx(left.numpy().T @ right.numpy(), abs=0.05)


def test_wishart_draws_average_to_the_freedom_times_the_inverse_scatter():
    scatter = tf.constant([[2.0, 0.5], [0.5, 1.0]]) * 1000
    draws = Random(0)
    mean = sum(draws.wishart(scatter, 1000.0).numpy() for _ in range(200)) / 200
    assert mean == pytest.approx(np.linalg.inv(scatter.numpy() / 1000), rel=0.05)
