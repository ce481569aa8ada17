"""The network: sparse updates equal dense ones, both parts learn, a stored network is the same."""

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from helpers.training import model_settings, train
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.model.network import batches
from pipeline.model.network.embedding import Table
from pipeline.model.network.export import restored
from pipeline.model.network.fit import Curve, fit
from pipeline.model.network.optimizers import SparseAdagrad, SparseFtrl
from pipeline.recommender.scorer import Scorer
from pipeline.tables.rows import read_rows


def trained(features, *overrides):
    settings = model_settings("posterior=none", *overrides)
    return *fit(settings, features, lambda _: None), settings


@pytest.mark.parametrize("name", ["wide", "deep", "wide_deep"])
def test_each_model_learns_the_planted_taste(features, name):
    rates = [f"model.{part}.learning_rate=0.2" for part in name.split("_")]
    _, points, _ = trained(features, f"model={name}", "train.epochs=60", *rates)
    spread = pq.read_table(features / "valid.parquet")["rating"].to_numpy().var()
    assert min(p["valid_mse"] for p in points) < 0.5 * spread


def test_the_same_seed_gives_the_same_predictions_to_the_last_bit_and_another_does_not(features):
    rows, _ = read_rows(features, "test")
    seeds = [
        trained(features, "train.epochs=2", f"train.seed={seed}")[0](rows).numpy()
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(seeds[0], seeds[1])
    assert not np.array_equal(seeds[0], seeds[2])


def test_the_weights_of_the_best_epoch_are_kept_not_of_the_last(features):
    model, points, _ = trained(
        features, "train.epochs=15", "train.patience=15", "model.wide.learning_rate=9"
    )
    rows, rating = read_rows(features, "valid")
    mse = float(np.mean((model(rows).numpy() - rating) ** 2))
    assert mse == pytest.approx(min(p["valid_mse"] for p in points), rel=1e-4)
    assert points[-1]["valid_mse"] > mse * 1.0001


def test_a_stored_network_predicts_the_same_in_keras_and_in_numpy(features, tmp_path):
    folder = train(features, tmp_path, "posterior=none")
    rows, _ = read_rows(features, "test")
    in_keras = np.clip(restored(folder)(rows).numpy(), 1, 10)
    assert Scorer(folder).predict(rows["user"], rows["item"]) == pytest.approx(in_keras, abs=1e-5)


def test_an_unknown_user_gets_no_cross_weights_of_other_users_in_the_same_bucket(features):
    model, _, _ = trained(features, "model=wide", "train.epochs=2", "model.wide.buckets=1")
    item = tf.constant([1, 2, 3])
    bias = model.wide.item_bias(item)[:, 0].numpy()
    assert model.wide(tf.zeros(3, tf.int32), item, item).numpy() == pytest.approx(bias)
    assert model.wide(tf.ones(3, tf.int32), item, item).numpy() != pytest.approx(bias)


def test_a_loss_that_is_not_finite_stops_the_training_and_says_what_to_lower():
    with pytest.raises(UserError, match=r"lower model\.deep\.learning_rate"):
        Curve(print).on_epoch_end(0, {"loss": float("nan"), "val_loss": 1.0})


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 5))
def test_an_epoch_has_every_row_once_in_a_new_order(n, size, seed):
    rows = {"user": np.arange(n, dtype="int32")}
    steps = -(-n // size)
    stream = iter(batches.batches(rows, size, seed))
    epochs = [np.concatenate([next(stream)["user"] for _ in range(steps)]) for _ in range(2)]
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs)
    plain = np.concatenate([batch["user"] for batch in batches.batches(rows, size)])
    assert plain.tolist() == list(range(n))


def test_a_table_looks_up_what_a_keras_embedding_does_without_reading_the_whole_variable():
    table, reference = Table(5, 2), keras.layers.Embedding(5, 2)
    index = tf.constant([[4, 0], [1, 4]])
    table(index), reference(index)
    reference.set_weights(table.get_weights())
    assert table(index).numpy().tolist() == reference(index).numpy().tolist()
    graph = tf.function(table.call).get_concrete_function(index).graph
    assert not [node for node in graph.get_operations() if node.type == "ReadVariableOp"]


@pytest.mark.parametrize(
    ("sparse", "dense"),
    [
        (SparseAdagrad(0.1), keras.optimizers.Adagrad(0.1)),
        (
            SparseFtrl(0.1, l1=0.001, l2=0.01),
            keras.optimizers.Ftrl(
                0.1, l1_regularization_strength=0.001, l2_regularization_strength=0.01
            ),
        ),
    ],
)
def test_a_sparse_step_equals_the_dense_step_on_the_rows_of_its_gradient(sparse, dense):
    start = np.zeros((6, 3), "float32")  # as in the wide part: FTRL ignores any other start
    tables = [keras.Variable(start) for _ in range(2)]
    for step in range(4):
        rows = tf.constant([4, 1, 4]) + step % 2
        values = tf.constant(np.random.default_rng(step).normal(size=(3, 3)).astype("float32"))
        slices = tf.IndexedSlices(values, rows, dense_shape=tf.constant([6, 3]))
        sparse.apply([slices], [tables[0]])
        dense.apply([tf.convert_to_tensor(slices)], [tables[1]])
    updated, other = [1, 2, 4, 5], [0, 3]
    assert tables[0].numpy()[updated] == pytest.approx(tables[1].numpy()[updated], abs=1e-5)
    assert np.array_equal(tables[0].numpy()[other], start[other])
