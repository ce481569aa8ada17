"""Recommendations for all users at once.

A matrix product over some of the draws picks candidates; only these are predicted exactly.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from pipeline.arrays import Array
from pipeline.recommender.filters import Filters, Seen
from pipeline.recommender.recommender import NO_FILTERS, Recommender
from pipeline.recommender.scorer import THREADS

USERS_PER_CHUNK = 256  # bounds the memory of a chunk's users × titles matrix
CANDIDATES = 8  # candidates per listed title
WIDTH = 320  # columns of the matrix product: as many draws as fit into them find candidates
SCHEMA = pa.schema(
    {"user_id": pa.int64(), "rank": pa.int32(), "anime_id": pa.int64(), "prediction": pa.float32()}
)


class BatchRecommender:
    """Lists the titles with the highest predictions for every user with ratings.

    Args:
        recommender: the model.
        number: at most this many titles per user.
        filters: which titles may be listed.

    Raises:
        UserError: the filters contradict each other, or name an unknown genre or type.
    """

    def __init__(
        self, recommender: Recommender, number: int, filters: Filters = NO_FILTERS
    ) -> None:
        self.recommender, self.number, self.filters = recommender, number, filters
        self._allowed = recommender.catalogue.matching(filters)
        factors = self._factors = recommender.scorer.explained
        step = max(1, len(factors.draws) * factors.layout.embedding // WIDTH)
        self._draws = factors.draws[::step]
        parts = [*factors.embeddings[::step], factors.offset[::step].mean(0)[:, None]]
        if factors.layout.wide:
            parts.append(factors.attributes)
        self._title_side = np.concatenate(parts, 1).T

    def lists(self) -> Iterator[pa.RecordBatch]:
        """Yield the lists of one chunk of users at a time, in SCHEMA, by user and rank."""
        users = self.recommender.raters
        chunks = (users[i : i + USERS_PER_CHUNK] for i in range(0, len(users), USERS_PER_CHUNK))
        blas = self.recommender.scorer.blas.limit(limits=1)
        with ThreadPoolExecutor(THREADS) as pool, blas:
            yield from pool.map(self._chunk, chunks)

    def _chunk(self, user: Array) -> pa.RecordBatch:
        """Return the lists of users, ascending rows of the user table."""
        recommender = self.recommender
        seen = np.zeros((len(user), recommender.scorer.n_titles), bool)
        rater, item, _ = recommender.ratings(user[0], user[-1])
        seen[np.searchsorted(user, rater), item] = True
        allowed = recommender.catalogue.listable(self._allowed, Seen(seen), self.filters)
        item, score = self._predicted(user, allowed)
        score = np.where(np.take_along_axis(allowed, item, 1), score, -np.inf)
        best = np.argsort(-score, kind="stable")[:, : self.number]
        item, score = (np.take_along_axis(table, best, 1) for table in (item, score))
        row, rank = np.nonzero(np.isfinite(score))
        columns = {
            "user_id": recommender.users.of_row[user[row]],
            "rank": (rank + 1).astype(np.int32),
            "anime_id": recommender.catalogue.ids.of_row[item[row, rank]],
            "prediction": score[row, rank],
        }
        return pa.record_batch(columns, SCHEMA)

    def _predicted(self, user: Array, allowed: Array) -> tuple[Array, Array]:
        """Return candidates and their predictions, both [users, candidates].

        Args:
            user: rows of the user table [users].
            allowed: which titles may be listed for each user: bool [users, titles].
        """
        approximate = np.where(allowed, self._approximate(user), -np.inf)
        candidates = min(CANDIDATES * self.number, approximate.shape[1])
        item = np.argpartition(approximate, -candidates)[:, -candidates:]
        return item, self.recommender.scorer.pairs(user, item)

    def _approximate(self, user: Array) -> Array:
        """Return the mean latent scores over some draws [users, titles], up to a user's constant.

        What is the same for all titles of a user does not change their order and is left out.
        """
        factors = self._factors
        weights = [factors.layout.split(factors.of_users(draw, user)) for draw in self._draws]
        parts = [embedding / len(weights) for embedding, _, _ in weights]
        parts.append(np.ones((len(user), 1), np.float32))
        if factors.layout.wide:
            parts.append(np.mean([crosses for _, _, crosses in weights], 0))
        score = np.concatenate(parts, 1) @ self._title_side
        neighbours = self.recommender.scorer.neighbours
        return score + neighbours.shift_all(user) if neighbours else score
