"""Lists for all users at once: matrix products find candidates, and these alone are predicted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from pipeline.arrays import Array
from pipeline.recommender.catalogue import Wanted
from pipeline.recommender.recommender import ANYTHING, Recommender
from pipeline.recommender.scorer import THREADS

USERS = 256  # in a block: a block's table of users times titles stays small
CANDIDATES = 8  # times as many titles as are asked for
WIDTH = 320  # numbers of a user, of as many draws as have them, that candidates are found with
SCHEMA = pa.schema(
    {"user_id": pa.int64(), "rank": pa.int32(), "anime_id": pa.int64(), "prediction": pa.float32()}
)


class Everyone:
    """Lists the titles with the highest predictions for every user who rated anything.

    Without draws there is no matrix product that comes near the predictions, and each user's are
    worked out for the whole catalogue.

    Args:
        recommender: the model.
        number: how many titles for each user at most.
        wanted: what the titles must be.

    Raises:
        UserError: no title can be as wanted.
    """

    def __init__(self, recommender: Recommender, number: int, wanted: Wanted = ANYTHING) -> None:
        self.recommender, self.number, self.wanted = recommender, number, wanted
        self.good = recommender.catalogue.chosen(wanted)
        scorer = recommender.scorer
        if scorer.draws:
            every = max(1, len(scorer.draws) * scorer.layout.embedding // WIDTH)
            self.some = scorer.draws[::every]
            parts = [*scorer.embeddings[::every], scorer.offset[::every].mean(0)[:, None]]
            if scorer.layout.wide:
                parts.append(scorer.attributes)
            self.titles_side = np.concatenate(parts, 1).T

    def lists(self) -> Iterator[pa.RecordBatch]:
        """Yield the lists of a block of users at a time, in SCHEMA, the best of each user first."""
        users = self.recommender.raters
        blocks = (users[i : i + USERS] for i in range(0, len(users), USERS))
        blas = self.recommender.scorer.blas.limit(limits=1)
        with ThreadPoolExecutor(THREADS) as pool, blas:
            yield from pool.map(self._block, blocks)

    def _block(self, user: Array) -> pa.RecordBatch:
        recommender = self.recommender
        seen = np.zeros((len(user), recommender.scorer.n_titles), bool)
        rater, item, _ = recommender.rated(user[0], user[-1])
        seen[np.searchsorted(user, rater), item] = True
        good = recommender.catalogue.unseen(self.good, seen, self.wanted)
        if recommender.scorer.draws:
            near = np.where(good, self._near(user), -np.inf)
            most = min(CANDIDATES * self.number, near.shape[1])
            item = np.argpartition(near, -most)[:, -most:]
            score = recommender.scorer.pairs(user, item)
        else:
            item = np.broadcast_to(np.arange(good.shape[1]), good.shape)
            scorer = recommender.scorer
            score = np.stack([scorer.scores(scorer.known(one)) for one in user])
        score = np.where(np.take_along_axis(good, item, 1), score, -np.inf)
        best = np.argsort(-score, kind="stable")[:, : self.number]
        item, score = (np.take_along_axis(table, best, 1) for table in (item, score))
        place, rank = np.nonzero(np.isfinite(score))
        columns = {
            "user_id": recommender.users.of_row[user[place]],
            "rank": (rank + 1).astype(np.int32),
            "anime_id": recommender.catalogue.ids.of_row[item[place, rank]],
            "prediction": score[place, rank],
        }
        return pa.record_batch(columns, SCHEMA)

    def _near(self, user: Array) -> Array:
        """Return mean scores of some draws, less what is the same for all titles of a user."""
        scorer = self.recommender.scorer
        weights = [scorer.layout.split(scorer.weights(draw, user)) for draw in self.some]
        parts = [embedding / len(weights) for embedding, _, _ in weights]
        parts.append(np.ones((len(user), 1), np.float32))
        if scorer.layout.wide:
            parts.append(np.mean([crosses for _, _, crosses in weights], 0))
        return np.concatenate(parts, 1) @ self.titles_side
