"""Ranking metrics: how high the titles are that a user liked; of the test titles of each user.

A title is relevant if its user liked it: a rating in the upper quarter of the scale (8 of 10, 4 of
5) or above. Its gain is 1 for the lowest such rating, 2 for the next, and so on. NDCG, recall and
MAP are those of trec_eval. Unrated titles count as not liked, which makes figures over the
catalogue low for any model: they can only compare models.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pipeline.arrays import Floats, Ints
from pipeline.evaluation.lists import TOP
from pipeline.evaluation.metrics import Bootstrap

MEASURES = {"ndcg": f"ndcg_cut_{TOP}", "recall": f"recall_{TOP}", "map": f"map_cut_{TOP}"}


class Test(NamedTuple):
    """Test rows: user, item and rating, each [n]."""

    user: Ints
    item: Ints
    rating: Floats


def sample_users(test: Test, gain: Ints, number: int, seed: int) -> Ints:
    """Draw at most ``number`` of the users who liked a test title: sorted [m]."""
    users = np.unique(test.user[gain > 0])
    if len(users) > number:
        users = np.random.default_rng(seed).choice(users, number, replace=False)
    return np.sort(users)


def by_user(
    qrels: Mapping[str, Mapping[str, int]], lists: Mapping[str, Mapping[str, float]]
) -> dict[str, Floats]:
    """Measure lists against the titles that are known to be liked.

    Args:
        qrels: gain of each rated title, by user.
        lists: score of each listed title, by user; the same users as in ``qrels``.

    Returns:
        Each of MEASURES for each user, in the order of ``lists``: float64 [users].
    """
    import pytrec_eval

    found = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values())).evaluate(lists)
    return {
        name: np.array([found[user][measure] for user in lists])
        for name, measure in MEASURES.items()
    }


def means(measured: dict[str, Floats], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the mean over users of each measure [users], and ``ci95`` with their intervals."""
    means: dict[str, Any] = {name: float(values.mean()) for name, values in measured.items()}
    users = np.arange(len(measured["ndcg"]))
    return means | {"ci95": {n: bootstrap.mean(v, users) for n, v in measured.items()}}


def held_out(
    test: Test, prediction: Floats, gain: Ints, users: Ints, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Rank the test titles of each user by prediction; return the means of MEASURES and ``ci95``.

    Users with a single test title are left out, as its order says nothing.
    """
    tested, counts = np.unique(test.user, return_counts=True)
    users = users[np.isin(users, tested[counts > 1])]
    if not len(users):
        return {"users": 0}
    rows = np.flatnonzero(np.isin(test.user, users))
    lists: dict[str, dict[str, float]] = {}
    qrels: dict[str, dict[str, int]] = {}
    for row in rows:
        user, item = str(test.user[row]), str(test.item[row])
        lists.setdefault(user, {})[item] = float(prediction[row])
        qrels.setdefault(user, {})[item] = int(gain[row])
    return {"users": len(users)} | means(by_user(qrels, lists), bootstrap)
