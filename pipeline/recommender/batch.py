"""Recommendations for all users at once, the same as for one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from pipeline.arrays import Array
from pipeline.recommender.blas import ONE_THREAD
from pipeline.recommender.filters import Filters, Seen
from pipeline.recommender.lists import CANDIDATES
from pipeline.recommender.recommender import NO_FILTERS, Recommender
from pipeline.recommender.scorer import THREADS

USERS_PER_CHUNK = 256  # bounds the memory of a chunk's users × titles matrix


class BatchRecommender:
    """Lists the best titles for every user with ratings.

    Attributes:
        schema: columns of the lists: user_id, rank (from 1), anime_id and prediction.

    Args:
        recommender: the model.
        number: at most this many titles per user.
        filters: which titles may be listed.
        niche: as in ``pipeline.recommender.lists.Order``.

    Raises:
        UserError: the filters contradict each other, or name an unknown genre or type.
    """

    def __init__(
        self,
        recommender: Recommender,
        number: int,
        filters: Filters = NO_FILTERS,
        niche: float = 0.0,
    ) -> None:
        self.recommender, self.number, self.niche = recommender, number, niche
        self.filters, self._matching = filters, recommender.catalogue.matching(filters)
        user, title = (
            pa.string() if ids.are_text else pa.int64()
            for ids in (recommender.users, recommender.catalogue.ids)
        )
        numbers = {"rank": pa.int32(), "anime_id": title, "prediction": pa.float32()}
        self.schema = pa.schema({"user_id": user, **numbers})

    def lists(self) -> Iterator[pa.RecordBatch]:
        """Yield the lists of one chunk of users at a time, in ``schema``, by user and rank."""
        users = self.recommender.on_lists.raters
        chunks = (users[i : i + USERS_PER_CHUNK] for i in range(0, len(users), USERS_PER_CHUNK))
        with ThreadPoolExecutor(THREADS) as pool, ONE_THREAD:
            yield from pool.map(self._chunk, chunks)

    def _chunk(self, user: Array) -> pa.RecordBatch:
        """Return the lists of users, ascending rows of the user table."""
        recommender, lists = self.recommender, self.recommender.lists
        listed = recommender.on_lists.matrix(user)
        seen = Seen(listed.toarray() > 0)
        allowed = recommender.catalogue.listable(self._matching, seen, self.filters)
        wanted = max(self.number, CANDIDATES)
        found = lists.shortlists(user, listed, allowed, wanted, self.niche)
        value = lists.values(found.chance, found.gain, found.item, self.niche)
        value = np.where(np.take_along_axis(allowed, found.item, 1), value, -np.inf)
        best = np.argsort(-value, kind="stable")[:, : self.number]
        item, value = (np.take_along_axis(table, best, 1) for table in (found.item, value))
        prediction = recommender.scorer.pairs(user, item)
        row, rank = np.nonzero(np.isfinite(value))
        columns = {
            "user_id": recommender.users.of_row[user[row]],
            "rank": (rank + 1).astype(np.int32),
            "anime_id": recommender.catalogue.ids.of_row[item[row, rank]],
            "prediction": prediction[row, rank],
        }
        return pa.record_batch(columns, self.schema)
