"""Fits how lists are ordered to the validation rows.

Numbers in parentheses are those of the equations in docs/model.md.
"""

import numpy as np
from scipy import sparse

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.watch import Join
from pipeline.recommender.grades import gains
from pipeline.recommender.lists import CANDIDATES, Lists, value

USERS = 1000  # most users whose lists are measured
AT_ONCE = 64  # users at a time: bounds memory
TOP = 10  # titles per list
NOISE = 0.02  # share of the NDCG that is noise
GAIN_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
RATERS_POWERS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def fit_join(
    lists: Lists,
    listed: sparse.csr_matrix,
    valid: tuple[dict[str, Array], Floats],
    seed: int,
) -> tuple[Join, float]:
    """Fit the powers of (17) to the validation rows.

    Args:
        lists: the model, with the default ``join``, so that candidates are chosen by chance.
        listed: 1 where a title is on a user's list, without the validation rows: [users, titles].
        valid: user and item of the validation rows [n], and their ratings [n].
        seed: draws the users whose lists are measured.

    Returns:
        The join; the mean NDCG at TOP of these users' lists, 0 if nobody liked a title.
    """
    pairs, rating = valid
    known = pairs["user"] > 0
    worth = gains(rating[known], lists.scorer.scale)
    gain = sparse.csr_matrix((worth, (pairs["user"][known], pairs["item"][known])), listed.shape)
    gain.eliminate_zeros()
    users = np.flatnonzero(np.diff(gain.indptr))
    if len(users) > USERS:
        users = np.sort(np.random.default_rng(seed).choice(users, USERS, replace=False))
    return _fit_powers(lists, listed, gain, users)


def _fit_powers(
    lists: Lists, listed: sparse.csr_matrix, gain: sparse.csr_matrix, users: Ints
) -> tuple[Join, float]:
    """Return the powers that order the lists of some users best, and their mean NDCG.

    NDCG hardly changes around the best powers. Of those that are as good but for noise, the
    highest power of the gain lists the titles that people like most.
    """
    total = np.zeros((len(GAIN_POWERS), len(RATERS_POWERS)))
    for start in range(0, len(users), AT_ONCE):
        some = users[start : start + AT_ONCE]
        rows = listed[some]
        found = lists.shortlists(some, rows, lists.unlisted(rows), 2 * CANDIDATES)
        truth = gain[some].toarray()
        listed_gain = np.take_along_axis(truth, found.item, 1)
        ideal = _discounted(-np.sort(-truth, axis=1)[:, :TOP])
        raters = lists.raters[found.item]
        for i, power in enumerate(GAIN_POWERS):
            for j, rarity in enumerate(RATERS_POWERS):
                order = value(found.chance, found.gain, raters, Join(power, rarity))
                best = np.argsort(-order, axis=1, kind="stable")[:, :TOP]
                total[i, j] += (_discounted(np.take_along_axis(listed_gain, best, 1)) / ideal).sum()
    if not total.any():  # nobody liked a title that was trained on: nothing to choose by
        return Join(), 0.0
    good = total >= (1 - NOISE) * total.max()
    i = int(np.flatnonzero(good.any(1))[-1])
    j = int(total[i].argmax())
    return Join(GAIN_POWERS[i], RATERS_POWERS[j]), float(total[i, j] / len(users))


def _discounted(gain: Array) -> Floats:
    """Return the discounted cumulative gain of lists [users, n]."""
    return (gain / np.log2(np.arange(2, gain.shape[1] + 2))).sum(1)
