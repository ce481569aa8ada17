"""Lists from the whole catalogue: what they hit, what they are like, and whose are better."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from pipeline.arrays import Array, Floats, Ints
from pipeline.evaluation.lists import TOP, Score, best_unseen
from pipeline.evaluation.metrics import Bootstrap, difference
from pipeline.evaluation.ranking import Test, by_user, means
from pipeline.evaluation.segments import count_classes


def measure(
    test: Test,
    gain: Ints,
    users: Ints,
    seen: sparse.csr_array,
    genres: Floats,
    history: Ints,
    scores: Mapping[str, Score],
    bootstrap: Bootstrap,
) -> dict[str, dict[str, Any]]:
    """Recommend TOP titles to each user, measure the lists, and compare them with the model's.

    Candidates are the titles that anyone has seen, for each user those that this one has not.
    Of equal scores, the title that more have seen comes first.

    Args:
        test, gain: the test rows, and the gain of each.
        users: rows of the user table to recommend to [m].
        seen: 1 where a user had seen a title before the test: [users, titles of the tables].
        genres: 1 where a title has a genre: [titles of the table, genres].
        history: number of training ratings of each user [users of the table].
        scores: score functions to rank by, by name; ``model`` is among them.
        bootstrap: for the intervals.

    Returns:
        For each name in ``scores``, the ``ranking.means``; how the lists are ``_described``; and

        - by_history: ``_by_history`` of ndcg,
        - hits: mean rating of the listed titles that are in the test rows of their user, with an
          interval in ``ci95``; absent where there are none,
        - except for the model, the ``metrics.difference`` of ndcg: model - this list.
    """
    counts = np.bincount(seen.indices, minlength=seen.shape[1])
    titles = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)].astype(np.int32)
    users = users[len(titles) - seen[users].sum(1) >= TOP]
    if not len(users):
        return {}
    qrels: dict[str, dict[str, int]] = {str(user): {} for user in users}
    for row in np.flatnonzero(np.isin(test.user, users)):
        qrels[str(test.user[row])][str(test.item[row])] = int(gain[row])
    result: dict[str, dict[str, Any]] = {}
    ndcg: dict[str, Floats] = {}
    for name, score in scores.items():
        top = best_unseen(users, titles, seen, score)
        measured = by_user(qrels, _with_ranks(users, top))
        ndcg[name] = measured["ndcg"]
        result[name] = means(measured, bootstrap) | _described(top, users, seen, genres)
        result[name]["by_history"] = _by_history(ndcg[name], history[users], bootstrap)
        hit = _hit(test, users, top)
        if hit.any():
            result[name]["hits"] = float(test.rating[hit].mean(dtype=np.float64))
            result[name]["ci95"]["hits"] = bootstrap.mean(test.rating[hit], test.user[hit])
    for name in scores.keys() - {"model"}:
        result[name] |= difference(
            ndcg["model"], ndcg[name], users, bootstrap, higher_is_better=True
        )
    return result


def _with_ranks(users: Ints, top: Ints) -> dict[str, dict[str, float]]:
    """Return lists [users, TOP] as titles by user, with scores that keep their order."""
    return {
        str(user): {str(item): float(TOP - rank) for rank, item in enumerate(row)}
        for user, row in zip(users, top, strict=True)
    }


def _hit(test: Test, users: Ints, top: Ints) -> Array:
    """Return which test rows are in the list of their user: bool [n], from lists [users, TOP]."""
    size = 1 + max(test.item.max(), top.max())
    listed = users[:, None].astype(np.int64) * size + top
    return np.isin(test.user.astype(np.int64) * size + test.item, listed)


def _by_history(ndcg: Floats, history: Ints, bootstrap: Bootstrap) -> list[dict[str, Any]]:
    """Average NDCG over users with histories of like length.

    Args:
        ndcg: of the list of each user [users].
        history: number of training ratings of each user [users].
        bootstrap: for the intervals.

    Returns:
        For each class of lengths that has users: history, its name; users, their number; ndcg; and
        the ci95 of that.
    """
    names, codes = count_classes(history)
    classes = [(names[code], np.flatnonzero(codes == code)) for code in np.unique(codes)]
    return [
        {
            "history": name,
            "users": len(rows),
            "ndcg": float(ndcg[rows].mean()),
            "ci95": bootstrap.mean(ndcg[rows], rows),
        }
        for name, rows in classes
    ]


def _described(top: Ints, users: Ints, seen: sparse.csr_array, genres: Floats) -> dict[str, float]:
    """Say what lists are like, whatever their users think of them.

    Args:
        top: listed titles [users, TOP].
        users, seen, genres: as in ``measure``.

    Returns:
        - coverage: share of the titles that anyone has seen that are in any list,
        - novelty: mean of -log2(share of users who have seen a listed title),
        - diversity: mean over pairs of titles in a list of 1 - the Jaccard index of their genres,
        - popularity: how many have seen a listed title, over how many a title the user has seen.
    """
    counts = np.bincount(seen.indices, minlength=seen.shape[1])
    return {
        "coverage": len(np.unique(top)) / np.count_nonzero(counts),
        "novelty": float(-np.log2(counts[top] / seen.shape[0]).mean()),
        "diversity": _diversity(genres[top]),
        "popularity": _popularity(counts, top, seen[users]),
    }


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
