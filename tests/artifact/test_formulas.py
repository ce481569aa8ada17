"""Formulas that training and answering share: the same in TensorFlow and in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact.formulas import Layout, LogScale, hashed_cross


def test_hashed_crosses_spread_over_all_buckets_the_same_in_tensorflow():
    user, item = (index.astype("uint64") for index in np.divmod(np.arange(40_000), 200))
    bucket = hashed_cross(user, item, 64, np.right_shift, np.bitwise_xor)
    assert bucket.min() == 0
    assert bucket.max() == 63
    assert np.bincount(bucket.astype(int)) == pytest.approx(625, rel=0.25)
    in_tensorflow = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    same = hashed_cross(tf.constant(user), tf.constant(item), 64, *in_tensorflow)
    assert np.array_equal(bucket, same.numpy())


@given(st.integers(0, 4), st.integers(0, 3))
def test_weights_split_into_embedding_bias_and_crosses(embedding, crosses):
    weights = np.arange(2.0 * (embedding + 1 + crosses)).reshape(2, -1)
    parts = Layout(embedding, wide=True).split(weights)
    assert [part.shape for part in parts] == [(2, embedding), (2,), (2, crosses)]
    assert np.array_equal(np.column_stack(parts), weights)


def test_without_a_wide_part_all_weights_are_the_embedding():
    weights = np.ones((2, 3))
    embedding, bias, crosses = Layout(3, wide=False).split(weights)
    assert np.array_equal(embedding, weights)
    assert bias is None
    assert crosses is None


def test_log_counts_are_standardised_over_counts_above_0():
    counts = np.array([0, 1, 5, 50, 0])
    scaled = LogScale.fit(counts)(counts)
    assert scaled[[0, 4]].tolist() == [0, 0]
    assert scaled[1:4].mean() == pytest.approx(0, abs=1e-6)
    assert scaled[1:4].std() == pytest.approx(1, abs=1e-6)
