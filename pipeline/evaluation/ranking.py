"""How good the lists are that a user would see: of held-out titles, and of the whole catalogue.

A title counts if its user liked it: a rating in the upper quarter of the scale or above (8 of 10, 4
of 5), and the more the higher it is: 1 for the lowest such rating, 2 for the next. NDCG, recall and
MAP are those of trec_eval. What a user has not rated counts as not liked, so that figures over the
catalogue are low for any model; they compare models, no more.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from pipeline.arrays import Array, Floats, Ints
from pipeline.evaluation.baselines import Biases
from pipeline.evaluation.metrics import Bootstrap

TOP = 10  # titles of a list
MEASURES = {"ndcg": f"ndcg_cut_{TOP}", "recall": f"recall_{TOP}", "map": f"map_cut_{TOP}"}
AT_ONCE = 64  # users

Score = Callable[[Array, Array], Floats]  # users [n] and titles [m] to scores [n, m]


class Test(NamedTuple):
    """Test rows: user, item and rating, each [n]."""

    user: Ints
    item: Ints
    rating: Floats


def gains(rating: Floats, scale: tuple[int, int]) -> Ints:
    """Tell how much each title was liked: int64 [n], 0 if not."""
    return np.maximum(rating.astype(np.int64) - liked(scale) + 1, 0)


def liked(scale: tuple[int, int]) -> int:
    """Return the lowest rating of those who liked a title."""
    low, high = scale
    return math.ceil(low + 0.75 * (high - low))


def seen_titles(user: Ints, item: Ints, shape: tuple[int, int]) -> sparse.csr_array:
    """Return 1 where a user rated a title before the test: int32 [users, titles] of this shape."""
    return sparse.csr_array((np.ones(len(user), np.int32), (user, item)), shape)


def baseline_scores(biases: Biases, seen: sparse.csr_array) -> dict[str, Score]:
    """Return orders of the titles that are the same for everybody: by bias, and by popularity."""
    counts = np.bincount(seen.indices, minlength=seen.shape[1])
    nobody = np.full(seen.shape[1], len(biases.users))  # a user's own bias changes no order
    biased = biases.predict(nobody, np.arange(seen.shape[1]))
    return {
        "user_item_bias": lambda user, item: np.tile(biased[item], (len(user), 1)),
        "most_rated": lambda user, item: np.tile(counts[item], (len(user), 1)),
    }


def drawn(test: Test, gain: Ints, number: int, seed: int) -> Ints:
    """Draw so many of the users who liked a test title, or take them all: sorted [m]."""
    users = np.unique(test.user[gain > 0])
    if len(users) > number:
        users = np.random.default_rng(seed).choice(users, number, replace=False)
    return np.sort(users)


def judged(
    qrels: Mapping[str, Mapping[str, int]],
    lists: Mapping[str, Mapping[str, float]],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Measure lists by what is known to be liked.

    Args:
        qrels: gain of each title by user.
        lists: score of each listed title by user, of the same users.
        bootstrap: for the intervals.

    Returns:
        The mean over users of ndcg, recall and map within the first TOP, and ``ci95`` of each.
    """
    import pytrec_eval

    found = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values())).evaluate(lists)
    users = np.arange(len(lists))
    columns = {
        name: np.array([found[user][measure] for user in lists])
        for name, measure in MEASURES.items()
    }
    means = {name: float(values.mean()) for name, values in columns.items()}
    return means | {"ci95": {n: bootstrap.mean(v, users) for n, v in columns.items()}}


def held_out(
    test: Test, prediction: Floats, gain: Ints, users: Ints, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Order the test titles of each user who has two or more by prediction: ``judged`` of these."""
    of, counts = np.unique(test.user, return_counts=True)
    users = users[np.isin(users, of[counts > 1])]
    if not len(users):
        return {"users": 0}
    rows = np.flatnonzero(np.isin(test.user, users))
    lists: dict[str, dict[str, float]] = {}
    qrels: dict[str, dict[str, int]] = {}
    for row in rows:
        user, item = str(test.user[row]), str(test.item[row])
        lists.setdefault(user, {})[item] = float(prediction[row])
        qrels.setdefault(user, {})[item] = int(gain[row])
    return {"users": len(users)} | judged(qrels, lists, bootstrap)


def catalogue(
    test: Test,
    gain: Ints,
    users: Ints,
    seen: sparse.csr_array,
    genres: Floats,
    scores: dict[str, Score],
    bootstrap: Bootstrap,
) -> dict[str, dict[str, Any]]:
    """List for each user the TOP of all titles that were rated before the test, less those seen.

    Args:
        test, gain: the test rows, and how much each was liked.
        users: for whom [m].
        seen: 1 where a user rated a title before the test: [users, titles of the tables].
        genres: 1 where a title has a genre: [titles of the table, genres].
        scores: what orders the titles, by name.
        bootstrap: for the intervals.

    Returns:
        For each name of ``scores`` what ``judged`` returns, and

        - coverage: share of the titles that are in any list,
        - novelty: mean of -log2 of the share of users who rated a listed title,
        - diversity: mean of 1 - the Jaccard index of the genres of two titles of a list,
        - popularity: how many times as often a listed title was rated as one the user has seen.
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
            str(user): {str(item): float(TOP - place) for place, item in enumerate(row)}
            for user, row in zip(users, top, strict=True)
        }
        result[name] = judged(qrels, lists, bootstrap) | {
            "coverage": len(np.unique(top)) / len(titles),
            "novelty": float(-np.log2(counts[top] / seen.shape[0]).mean()),
            "diversity": _diversity(genres[top]),
            "popularity": _popularity(counts, top, seen[users]),
        }
    return result


def _lists(users: Ints, titles: Ints, seen: sparse.csr_array, score: Score) -> Iterator[Ints]:
    """Yield the TOP titles, best first, of some users at a time."""
    for start in range(0, len(users), AT_ONCE):
        some = users[start : start + AT_ONCE].astype(np.int32)
        values = np.where(seen[some][:, titles].toarray(), -np.inf, score(some, titles))
        best = np.argpartition(-values, TOP - 1, axis=1)[:, :TOP]
        order = np.argsort(-np.take_along_axis(values, best, 1), axis=1, kind="stable")
        yield titles[np.take_along_axis(best, order, 1)]


def _diversity(marks: Floats) -> float:
    """Mean over lists of the mean over pairs of titles; marks are [lists, titles, genres]."""
    common = marks @ marks.swapaxes(1, 2)
    size = marks.sum(2)
    union = size[:, :, None] + size[:, None, :] - common
    apart = 1 - np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    number = marks.shape[1]
    pairs = apart.sum((1, 2)) - np.trace(apart, axis1=1, axis2=2)
    return float(pairs.mean() / max(1, number * (number - 1)))


def _popularity(counts: Ints, top: Ints, seen: sparse.csr_array) -> float:
    number = seen.sum(1)
    if not number.any():  # all of them are new
        return float("nan")
    own = (seen @ counts)[number > 0] / number[number > 0]
    return float((counts[top].mean(1)[number > 0] / own).mean())
