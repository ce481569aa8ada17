"""Ranking metrics: of the held-out titles of each user, and of lists from the whole catalogue.

A title is relevant if its user liked it: a rating in the upper quarter of the scale (8 of 10, 4 of
5) or above. Its gain is 1 for the lowest such rating, 2 for the next, and so on. NDCG, recall and
MAP are those of trec_eval. Unrated titles count as not liked, which makes figures over the
catalogue low for any model: they can only compare models.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from pipeline.arrays import Array, Floats, Ints
from pipeline.evaluation.baselines import Biases
from pipeline.evaluation.metrics import Bootstrap

TOP = 10  # titles per list
MEASURES = {"ndcg": f"ndcg_cut_{TOP}", "recall": f"recall_{TOP}", "map": f"map_cut_{TOP}"}
AT_ONCE = 64  # users at a time: bounds memory

Score = Callable[[Array, Array], Floats]  # users [n] and titles [m] to scores [n, m]


class Test(NamedTuple):
    """Test rows: user, item and rating, each [n]."""

    user: Ints
    item: Ints
    rating: Floats


def gains(rating: Floats, scale: tuple[int, int]) -> Ints:
    """Return the gain of each rating: int64 [n], 0 where the title was not liked."""
    return np.maximum(rating.astype(np.int64) - lowest_liked(scale) + 1, 0)


def lowest_liked(scale: tuple[int, int]) -> int:
    """Return the lowest rating that counts as liked."""
    low, high = scale
    return math.ceil(low + 0.75 * (high - low))


def seen_titles(user: Ints, item: Ints, shape: tuple[int, int]) -> sparse.csr_array:
    """Return 1 where a user rated a title before the test: int32 [users, titles] of this shape."""
    return sparse.csr_array((np.ones(len(user), np.int32), (user, item)), shape)


def baseline_scores(biases: Biases, seen: sparse.csr_array) -> dict[str, Score]:
    """Return the scores of two lists without personalisation: by item bias, and by popularity."""
    counts = np.bincount(seen.indices, minlength=seen.shape[1])
    nobody = np.full(seen.shape[1], len(biases.users))  # a user bias would change no order
    biased = biases.predict(nobody, np.arange(seen.shape[1]))
    return {
        "user_item_bias": lambda user, item: np.tile(biased[item], (len(user), 1)),
        "most_rated": lambda user, item: np.tile(counts[item], (len(user), 1)),
    }


def sample_users(test: Test, gain: Ints, number: int, seed: int) -> Ints:
    """Draw at most ``number`` of the users who liked a test title: sorted [m]."""
    users = np.unique(test.user[gain > 0])
    if len(users) > number:
        users = np.random.default_rng(seed).choice(users, number, replace=False)
    return np.sort(users)


def list_metrics(
    qrels: Mapping[str, Mapping[str, int]],
    lists: Mapping[str, Mapping[str, float]],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Measure lists against the titles that are known to be liked.

    Args:
        qrels: gain of each rated title, by user.
        lists: score of each listed title, by user; the same users as in ``qrels``.
        bootstrap: for the intervals.

    Returns:
        The mean over users of ndcg, recall and map at TOP, and ``ci95`` with an interval of each.
    """
    import pytrec_eval

    by_user = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values())).evaluate(lists)
    users = np.arange(len(lists))
    columns = {
        name: np.array([by_user[user][measure] for user in lists])
        for name, measure in MEASURES.items()
    }
    means = {name: float(values.mean()) for name, values in columns.items()}
    return means | {"ci95": {n: bootstrap.mean(v, users) for n, v in columns.items()}}


def held_out(
    test: Test, prediction: Floats, gain: Ints, users: Ints, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Rank the test titles of each user by prediction, and return ``list_metrics``.

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
    return {"users": len(users)} | list_metrics(qrels, lists, bootstrap)


def catalogue(
    test: Test,
    gain: Ints,
    users: Ints,
    seen: sparse.csr_array,
    genres: Floats,
    scores: dict[str, Score],
    bootstrap: Bootstrap,
) -> dict[str, dict[str, Any]]:
    """Recommend TOP titles to each user and measure the lists.

    Candidates are the titles that anyone rated before the test, without those the user has seen.

    Args:
        test, gain: the test rows, and the gain of each.
        users: rows of the user table to recommend to [m].
        seen: 1 where a user rated a title before the test: [users, titles of the tables].
        genres: 1 where a title has a genre: [titles of the table, genres].
        scores: score functions to rank by, by name.
        bootstrap: for the intervals.

    Returns:
        For each name in ``scores``, the ``list_metrics`` and

        - coverage: share of the candidate titles that are in any list,
        - novelty: mean of -log2(share of users who rated a listed title),
        - diversity: mean over pairs of titles in a list of 1 - the Jaccard index of their genres,
        - popularity: rating count of the listed titles over that of the titles the user has seen.
    """
    counts = np.bincount(seen.indices, minlength=seen.shape[1])
    titles = np.flatnonzero(counts).astype(np.int32)
    users = users[len(titles) - seen[users].sum(1) >= TOP]
    if not len(users):
        return {}
    qrels: dict[str, dict[str, int]] = {str(user): {} for user in users}
    for row in np.flatnonzero(np.isin(test.user, users)):
        qrels[str(test.user[row])][str(test.item[row])] = int(gain[row])
    result = {}
    for name, score in scores.items():
        top = np.concatenate(list(_lists(users, titles, seen, score)))
        lists = {
            str(user): {str(item): float(TOP - rank) for rank, item in enumerate(row)}
            for user, row in zip(users, top, strict=True)
        }
        result[name] = list_metrics(qrels, lists, bootstrap) | {
            "coverage": len(np.unique(top)) / len(titles),
            "novelty": float(-np.log2(counts[top] / seen.shape[0]).mean()),
            "diversity": _diversity(genres[top]),
            "popularity": _popularity(counts, top, seen[users]),
        }
    return result


def _lists(users: Ints, titles: Ints, seen: sparse.csr_array, score: Score) -> Iterator[Ints]:
    """Yield the TOP unseen titles, best first, of AT_ONCE users at a time: [users, TOP]."""
    for start in range(0, len(users), AT_ONCE):
        some = users[start : start + AT_ONCE].astype(np.int32)
        values = np.where(seen[some][:, titles].toarray(), -np.inf, score(some, titles))
        best = np.argpartition(-values, TOP - 1, axis=1)[:, :TOP]
        order = np.argsort(-np.take_along_axis(values, best, 1), axis=1, kind="stable")
        yield titles[np.take_along_axis(best, order, 1)]


def _diversity(genres: Floats) -> float:
    """Mean over lists of the mean Jaccard distance of two titles, from [lists, titles, genres]."""
    common = genres @ genres.swapaxes(1, 2)
    size = genres.sum(2)
    union = size[:, :, None] + size[:, None, :] - common
    distance = 1 - np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    number = genres.shape[1]
    pairs = distance.sum((1, 2)) - np.trace(distance, axis1=1, axis2=2)
    return float(pairs.mean() / max(1, number * (number - 1)))


def _popularity(counts: Ints, top: Ints, seen: sparse.csr_array) -> float:
    """Mean over users of the rating count of listed titles over that of seen titles.

    Args:
        counts: number of ratings of each title [titles].
        top: listed titles [users, TOP].
        seen: 1 where a user rated a title before the test [users, titles].
    """
    number = seen.sum(1)
    if not number.any():  # without seen titles there is nothing to compare with
        return float("nan")
    usual = (seen @ counts)[number > 0] / number[number > 0]
    return float((counts[top].mean(1)[number > 0] / usual).mean())
