"""Ranking: metrics agree with other libraries, and who is measured."""

import numpy as np
import pytest
from cornac.metrics import Recall
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from pipeline.evaluation import ranking
from pipeline.evaluation.metrics import Bootstrap

BOOTSTRAP = Bootstrap(resamples=20, seed=0)


@given(st.integers(0, 10_000), st.integers(2, 30))
def test_metrics_of_held_out_titles_agree_with_other_libraries(seed, titles):
    random = np.random.default_rng(seed)
    user, item = np.divmod(np.arange(3 * titles), titles)
    gain = random.integers(0, 4, len(user))
    gain[::titles] = 2  # everyone likes something
    score = random.permutation(len(user)) / 8
    test = ranking.Test(user, item, gain)
    metrics = ranking.held_out(test, score, gain, np.arange(3), BOOTSTRAP)
    truth, given = gain.reshape(3, -1), score.reshape(3, -1)
    assert metrics["ndcg"] == pytest.approx(ndcg_score(truth, given, k=10), abs=1e-9)
    recall = [
        Recall(k=10).compute(gt_pos=np.flatnonzero(t), pd_rank=np.argsort(-s))
        for t, s in zip(truth, given, strict=True)
    ]
    assert metrics["recall"] == pytest.approx(np.mean(recall), abs=1e-9)
    if titles <= 10:
        precision = [average_precision_score(t > 0, s) for t, s in zip(truth, given, strict=True)]
        assert metrics["map"] == pytest.approx(np.mean(precision), abs=1e-9)


def test_the_sample_of_users_is_limited_to_those_who_liked_a_test_title():
    test = ranking.Test(np.arange(50), np.arange(50), np.arange(50))
    gain = (np.arange(50) % 2).astype(int)
    users = ranking.sample_users(test, gain, 5, seed=0)
    assert len(users) == 5
    assert (users % 2 == 1).all()
    assert ranking.sample_users(test, gain, 100, seed=0).tolist() == list(range(1, 50, 2))
