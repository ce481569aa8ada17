"""The network: sparse updates equal dense ones, it learns, resumes, and is stored as it was."""

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from helpers.training import model_settings
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.model.checkpoint import Checkpoint
from pipeline.model.network import batches
from pipeline.model.network import fit as fitting
from pipeline.model.network.embedding import Table
from pipeline.model.network.fit import finite, fit
from pipeline.model.network.gaussian import GaussianTable, Normal, divergence, product
from pipeline.model.network.knowledge import Inputs, know
from pipeline.model.network.optimizers import OneCycle, SparseAdam
from pipeline.model.shard import Part, read_shard
from pipeline.model.workers import Workers
from pipeline.tables.rows import read_rows


def trained(features, folder, *overrides, report=lambda _: None):
    settings = model_settings("posterior=none", "train.epochs=3", *overrides)
    return fit(settings, features, report, Checkpoint(folder, [*overrides]))


def predicted(model, features):
    return model(read_rows(features, "test")[0]).numpy()


@pytest.mark.parametrize("name", ["wide", "deep", "wide_deep"])
def test_each_model_learns_the_planted_taste(features, tmp_path, name):
    chosen = [f"model={name}", "train.epochs=60", "train.learning_rate=0.05"]
    _, _, points = trained(features, tmp_path, *chosen)
    spread = pq.read_table(features / "valid.parquet")["rating"].to_numpy().var()
    assert points[-1]["valid_mse"] < 0.5 * spread


def test_the_same_seed_gives_the_same_predictions_to_the_last_bit_and_another_does_not(
    features, tmp_path
):
    seeds = [
        predicted(trained(features, tmp_path / str(run), f"train.seed={seed}")[0], features)
        for run, seed in enumerate((1, 1, 2))
    ]
    assert np.array_equal(seeds[0], seeds[1])
    assert not np.array_equal(seeds[0], seeds[2])


def test_relu_layers_compute_in_16_bits_if_asked_and_learn_as_well(features, tmp_path):
    (whole, _, points), (half, _, more) = (
        trained(features, tmp_path / name, f"train.precision={name}", "train.epochs=20")
        for name in ("float32", "mixed_bfloat16")
    )
    assert {layer.compute_dtype for layer in half.deep.dense} == {"bfloat16"}
    assert {weight.dtype for weight in half.trainable_variables} == {"float32"}
    assert not np.array_equal(predicted(whole, features), predicted(half, features))
    assert more[-1]["valid_mse"] == pytest.approx(points[-1]["valid_mse"], rel=0.02)


@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="there is no GPU here")
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_gpu_is_used_where_there_is_one(features, tmp_path, precision):
    network, _, points = trained(features, tmp_path / "gpu", f"train.precision={precision}")
    assert "GPU" in network.deep.dense[0].kernel.value.device
    with tf.device("CPU"):
        _, _, on_cpu = trained(features, tmp_path / "cpu", f"train.precision={precision}")
    assert points[-1]["valid_mse"] == pytest.approx(on_cpu[-1]["valid_mse"], rel=0.05)


@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_killed_training_resumes_after_its_last_epoch_to_the_same_network(
    features, tmp_path, killed_after
):
    def killed(point):
        if point["epoch"] > killed_after:
            raise KeyboardInterrupt

    whole, _, points = trained(features, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(features, tmp_path / "killed", report=killed)
    reported = []
    resumed, _, again = trained(features, tmp_path / "killed", report=reported.append)
    assert [point["epoch"] for point in reported] == list(range(killed_after + 1, 4))
    assert again == points
    assert np.array_equal(predicted(resumed, features), predicted(whole, features))


def test_a_finished_training_is_not_repeated(features, tmp_path, monkeypatch):
    first, _, points = trained(features, tmp_path)
    monkeypatch.setattr(fitting.WideDeep, "gradients", lambda *_: pytest.fail("it trained"))
    second, _, again = trained(features, tmp_path)
    assert again == points
    assert np.array_equal(predicted(first, features), predicted(second, features))


def test_what_is_known_beside_the_ratings_does_not_depend_on_them(features):
    """So the rating of a training row cannot be recovered from the histories."""
    settings, workers = model_settings("posterior=none").model, Workers()
    shard = read_shard(features, 1, workers)
    known = know(settings, shard, 0, workers)
    order = np.random.default_rng(0).permutation(len(shard.rating))
    other = shard._replace(rating=shard.rating[order])
    other = know(settings, other, 0, workers)
    for one, two in ((known.users, other.users), (known.items, other.items)):
        assert np.array_equal(one.columns, two.columns)


def test_users_and_titles_without_ratings_are_predicted_from_what_is_known(features, tmp_path):
    model, known, _ = trained(features, tmp_path, "train.epochs=40", "train.batch_size=256")
    users, titles = known.users.part.total, known.items.part.total
    rows = {"user": np.array([0, users + 5, 1], "int32"), "item": np.array([0, 0, titles], "int32")}
    rating = model(rows).numpy()
    assert np.isfinite(rating).all()
    assert rating[0] == rating[1], "any unknown user is the same"


def test_a_loss_that_is_not_finite_stops_the_training_and_says_what_to_lower():
    with pytest.raises(UserError, match=r"lower train\.learning_rate"):
        finite({"epoch": 1, "train_mse": np.nan, "valid_mse": 1.0}, step=1)


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_has_every_row_once_in_an_order_of_its_own(n, size, seed, first):
    rows = {"user": np.arange(n, dtype="int32")}
    steps = -(-n // size)
    number = tf.Variable(0, dtype=tf.int64)
    shuffled, orders = batches.batches(rows, steps, seed, number), []
    for epoch in (first, first + 1, first):
        number.assign(epoch)
        found = [batch["user"] for batch in shuffled]
        assert len(found) == len(shuffled) == steps
        orders.append(np.concatenate(found).tolist())
    sizes = [len(batch) for batch in found]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= size
    assert all(sorted(order) == list(range(n)) for order in orders)
    assert orders[2] == orders[0], "the order depends on the number of the epoch alone"
    assert n < 20 or orders[1] != orders[0]
    plain = np.concatenate([batch["user"] for batch in batches.batches(rows, steps)])
    assert plain.tolist() == list(range(n))


def test_a_table_looks_up_what_a_keras_embedding_does_without_reading_the_whole_variable():
    table, reference = Table(5, 2), keras.layers.Embedding(5, 2)
    index = tf.constant([[4, 0], [1, 4]])
    table(index), reference(index)
    reference.set_weights(table.get_weights())
    assert table(index).numpy().tolist() == reference(index).numpy().tolist()
    graph = tf.function(table.call).get_concrete_function(index).graph
    assert not [node for node in graph.get_operations() if node.type == "ReadVariableOp"]


def test_a_sparse_step_has_nearly_the_result_of_the_dense_step_however_rarely_a_row_is_touched():
    start = np.random.default_rng(9).normal(size=(6, 3)).astype("float32")
    tables = [keras.Variable(start) for _ in range(2)]
    sparse, dense = SparseAdam(0.1), SparseAdam(0.1)
    for step in range(241):
        if step == 81:  # earlier, the corrections for the start at 0 change from step to step
            before = [table.numpy() for table in tables]
        rows = tf.constant([4, 1, 4] if step % 4 == 0 else [5, 2, 5])
        values = tf.constant(np.random.default_rng(step).normal(size=(3, 3)).astype("float32"))
        slices = tf.IndexedSlices(values, rows, dense_shape=tf.constant([6, 3]))
        sparse.apply([slices], [tables[0]])
        dense.apply([tf.convert_to_tensor(slices)], [tables[1]])
    moved = [table.numpy() - earlier for table, earlier in zip(tables, before, strict=True)]
    rare = [1, 4]  # touched in steps 80 and 240
    assert moved[0][rare] == pytest.approx(moved[1][rare], abs=0.02)
    assert np.abs(moved[1][rare]).mean() > 0.3
    assert np.array_equal(tables[0].numpy()[[0, 3]], start[[0, 3]])


def test_a_dense_step_is_that_of_adam_in_keras():
    tables = [keras.Variable(np.ones((4, 2), "float32")) for _ in range(2)]
    ours = SparseAdam(0.1)
    reference = keras.optimizers.Adam(0.1, epsilon=1e-10)
    for step in range(5):
        gradient = tf.constant(np.random.default_rng(step).normal(size=(4, 2)).astype("float32"))
        ours.apply([gradient], [tables[0]])
        reference.apply([gradient], [tables[1]])
    assert tables[0].numpy() == pytest.approx(tables[1].numpy(), abs=1e-5)


def test_the_learning_rate_rises_to_the_highest_and_falls_to_nothing():
    rates = np.array([OneCycle(0.5, 100)(step).numpy() for step in range(101)])
    assert rates.argmax() == 30
    assert rates.max() == pytest.approx(0.5)
    assert (np.diff(rates[:31]) > 0).all()
    assert (np.diff(rates[30:]) < 0).all()
    assert rates[100] == pytest.approx(0, abs=1e-6)


def test_the_product_of_normal_vectors_has_the_mean_and_variance_of_many_draws():
    random = np.random.default_rng(0)
    left, right = (
        Normal(*(tf.constant(random.random((1, 3)), tf.float32) for _ in range(2)))
        for _ in range(2)
    )
    draws = [
        random.normal(side.mean, np.sqrt(side.variance), (400_000, 3)) for side in (left, right)
    ]
    products = (draws[0] * draws[1]).sum(1)
    found = product(left, right)
    assert found.mean.numpy()[0] == pytest.approx(products.mean(), abs=0.01)
    assert found.variance.numpy()[0] == pytest.approx(products.var(), rel=0.02)


def test_weights_as_their_prior_says_have_no_divergence_and_others_have_some():
    log_prior = tf.constant([0.5])
    same = Normal(tf.constant([0.0]), tf.exp(log_prior))
    assert float(divergence(same, log_prior)[0]) == pytest.approx(0, abs=1e-6)
    for other in (Normal(tf.constant([1.0]), same.variance), Normal(same.mean, tf.constant([0.1]))):
        assert float(divergence(other, log_prior)[0]) > 0


def test_the_divergence_of_a_row_is_spread_over_its_ratings():
    inputs = Inputs(Part(0, 3, 3), np.array([0, 1, 4]), np.zeros((3, 0)), [])
    table = GaussianTable(inputs, 2, start=0.1, name="table")
    index = tf.constant([1, 2, 2, 2, 2])
    weights, spread = table(index)
    whole = tf.reduce_sum(divergence(weights, table.log_prior.value), 1).numpy()
    assert spread.numpy()[1:].sum() == pytest.approx(whole[1])
    assert table.means()[0].tolist() == [0, 0], "row 0, any unknown user, is the prior mean"
