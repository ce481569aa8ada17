"""Rivals of the model's lists: scores made for ranking, from who has which titles on a list.

They learn from the training and the validation rows, as the baselines do. Scores of different
rivals are on different scales: only their order counts.
"""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight
from scipy import sparse
from threadpoolctl import threadpool_limits

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.ridge import gram, ridge_inverse
from pipeline.evaluation.baselines import Biases
from pipeline.evaluation.lists import Score

# Settings chosen once: by NDCG@10 of the validation rows of real ratings, after a fit to the
# training rows. 200 suits EASE as well.
RIDGE = 300.0
IALS = {"factors": 128, "regularization": 100.0, "alpha": 15.0, "iterations": 15}
NEIGHBOURS, BM25 = 5, {"K1": 0.1, "B": 0.3}  # better than the cosine and than more neighbours
MAX_TITLES = 8000  # of EASE, whose weights are dense: bounds memory


def fit(listed: sparse.csr_array, sampled: Array, biases: Biases) -> dict[str, Score]:
    """Fit all rivals.

    Args:
        listed: 1 where a title was on a user's list before the test: [users, titles]. The lists
            of all users count when titles are scored for them, sampled or not.
        sampled: mask of the users that the slower rivals are fitted to, bool [users].
        biases: the user + item bias baseline.

    Returns:
        Score functions by name. The first two have one order for all users: ``user_item_bias`` by
        item bias, ``most_rated`` by number of ratings.
    """
    counts = np.bincount(listed.indices, minlength=listed.shape[1])
    nobody = np.full(listed.shape[1], len(biases.users))  # a user bias would change no order
    biased = biases.predict(nobody, np.arange(listed.shape[1]))
    learned = listed[np.flatnonzero(sampled)].astype(np.float32)
    return {
        "user_item_bias": lambda user, item: np.tile(biased[item], (len(user), 1)),
        "most_rated": lambda user, item: np.tile(counts[item], (len(user), 1)),
        "item_neighbours": item_neighbours(listed, learned),
        "ials": ials(listed, learned),
        "ease": ease(listed, learned),
    }


def item_neighbours(listed: sparse.csr_array, learned: sparse.csr_array) -> Score:
    """Score by the similarity to the listed titles: neighbours by BM25, of implicit.

    Args:
        listed: 1 where a title is on a user's list: [users, titles].
        learned: those of its rows that the similarities come from, float32 [sampled, titles].
    """
    model = ItemItemRecommender(NEIGHBOURS, num_threads=1)
    # Not its BM25Recommender, which warns that the format of its own matrix is not CSR.
    model.fit(bm25_weight(learned.T, **BM25).T.tocsr(), show_progress=False)
    similarity = sparse.csr_array(model.similarity)
    return lambda user, item: (listed[user] @ similarity)[:, item].toarray()


def ials(listed: sparse.csr_array, learned: sparse.csr_array) -> Score:
    """Score by implicit alternating least squares (Hu, Koren & Volinsky 2008), of implicit.

    The vectors of users are computed from their ratings, given those of the titles; so users who
    were not sampled have one too. Arguments as in ``item_neighbours``.
    """
    with threadpool_limits(1, "blas"):  # it would warn: more are slower, and the sums would differ
        model = AlternatingLeastSquares(**IALS, num_threads=1, random_state=0)
        model.fit(sparse.csr_matrix(learned), show_progress=False)

    def score(user: Ints, item: Ints) -> Floats:
        vectors = model.recalculate_user(user, sparse.csr_matrix(listed[user], dtype=np.float32))
        return vectors @ model.item_factors[item].T

    return score


def ease(listed: sparse.csr_array, learned: sparse.csr_array) -> Score:
    """Score by EASE (Steck 2019, arXiv:1905.03375): the ratings of other titles, weighted.

    The MAX_TITLES most listed titles take part; any other has score 0 and adds nothing to scores.
    Arguments as in ``item_neighbours``.
    """
    counts = np.bincount(learned.indices, minlength=learned.shape[1])
    kept = np.argsort(-counts, kind="stable")[:MAX_TITLES]
    kept = np.sort(kept[counts[kept] > 0])
    weights = ease_weights(learned[:, kept])

    def score(user: Ints, item: Ints) -> Floats:
        values = np.zeros((len(user), listed.shape[1]), np.float32)
        values[:, kept] = listed[user][:, kept] @ weights
        return values[:, item]

    return score


def ease_weights(learned: sparse.csr_array) -> Floats:
    """Return the weights with which EASE predicts each title from the others.

    They are the ridge regression of each column on the other columns, in closed form.

    Args:
        learned: 1 where a user rated a title: float32 [users, titles].

    Returns:
        float32 [titles, titles]: row j, column i is the weight of title j in the score of title
        i. The diagonal is 0.
    """
    weights = ridge_inverse(gram(learned), RIDGE)
    weights /= -weights.diagonal()  # of each column by its diagonal
    np.fill_diagonal(weights, 0)
    return weights
