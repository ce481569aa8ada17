"""What a worker of a training reads: the rows of its users, and nothing of the others' rows."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array, Floats, Ints
from pipeline.errors import UserError
from pipeline.model.workers import Workers
from pipeline.tables.entities import Entities, read_items
from pipeline.tables.rows import Pairs, read_pairs, read_watched

EACH = 20  # ratings that take as long as what a user, or title, takes whatever their ratings


class Part(NamedTuple):
    """A worker's part of the rows of a table: ``start`` to ``end`` of ``total``."""

    start: int
    end: int
    total: int

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.end - self.start


class Shard(NamedTuple):
    """The tables of one worker. Users are numbered from the first one of its part.

    Attributes:
        users, titles: its part of the users and titles with training ratings, and row 0.
        rows: its part of the training rows.
        user, item, rating: these rows, by user; ratings in steps: int32 and float32 [n].
        listed: user and item of these rows, and of what is watched without a rating.
        valid: its part of the validation rows.
        valid_user, valid_item, valid_rating: these rows; user 0 of the first worker is any unknown.
        user_counts, item_counts: training ratings of each user, and of each title of the item
            table, over all workers: int64.
        items: the item table.
        mean, variance: of all training ratings, in steps.
    """

    users: Part
    titles: Part
    rows: Part
    user: Ints
    item: Ints
    rating: Floats
    listed: Pairs
    valid: Part
    valid_user: Ints
    valid_item: Ints
    valid_rating: Floats
    user_counts: Ints
    item_counts: Ints
    items: Entities
    mean: float
    variance: float

    @property
    def cold(self) -> Ints:
        """Titles of its validation rows without training ratings, in the item table: int32 [m]."""
        return np.unique(self.valid_item[self.valid_item >= self.titles.total])


def divide(counts: Ints, number: int, each: float) -> list[Part]:
    """Divide rows of a table into parts that take about as long.

    Args:
        counts: ratings of each row: integers [n].
        number: of parts.
        each: ratings that take as long as what a row takes whatever its ratings.

    Raises:
        UserError: there are fewer rows than parts.
    """
    n, work = len(counts), np.cumsum(counts + each)
    wanted = work[-1] * np.arange(1, number) / number
    ends = [0, *np.searchsorted(work, wanted, side="right").tolist(), n]
    parts = [Part(start, end, n) for start, end in pairwise(ends)]
    if min(part.size for part in parts) == 0:
        raise UserError(f"train: {number} workers are too many for {n - 1} users or titles.")
    return parts


def read_shard(features: Path, step: float, workers: Workers) -> Shard:
    """Read what one worker needs.

    Args:
        features: folder of the feature tables.
        step: distance between two grades.
        workers: the workers; each reads its part.
    """
    items = read_items(features / "items.parquet")
    counted = [_counts(features, name) for name in ("user", "item")]
    counts = counted[0][: np.count_nonzero(counted[0]) + 1]
    rated = counts, counted[1][: items.n_trained + 1]
    users, titles = (divide(of, workers.number, EACH)[workers.rank] for of in rated)
    own = (users.start, users.end)
    pairs, rating = read_pairs(features, "train", own)
    watched = read_watched(features, own)
    ends = [int(counts[:end].sum()) for end in (*own, None)]
    valid, (valid_user, valid_item, valid_rating) = _valid(features, users, workers.chief)
    rating = rating / np.float32(step)
    mean = float(workers.total(rating.sum(dtype=np.float64)) / ends[2])
    squares = ((rating - np.float32(mean)) ** 2).sum(dtype=np.float64)
    return Shard(
        users=users,
        titles=titles,
        rows=Part(*ends),
        user=pairs["user"] - users.start,
        item=pairs["item"],
        rating=rating,
        listed=(
            np.concatenate([pairs["user"], watched[0]]) - users.start,
            np.concatenate([pairs["item"], watched[1]]),
        ),
        valid=valid,
        valid_user=valid_user,
        valid_item=valid_item,
        valid_rating=valid_rating / np.float32(step),
        user_counts=counts,
        item_counts=counted[1],
        items=items,
        mean=mean,
        variance=float(workers.total(squares) / ends[2]) or 1.0,
    )


def _counts(features: Path, name: str) -> Ints:
    """Read the number of training ratings of each user or title: int64 [rows]."""
    table = pq.read_table(features / f"{name}s.parquet", columns=[f"{name}_count"])
    return table[f"{name}_count"].to_numpy().astype(np.int64)


def _valid(features: Path, users: Part, chief: bool) -> tuple[Part, tuple[Array, Array, Array]]:
    """Read the validation rows of a part of the users; the first worker has those of unknown users.

    Returns:
        The part, and user, item and rating. The rows of unknown users come first, so that the parts
        of all workers one behind the other are the same for any number of workers.
    """
    pairs, rating = read_pairs(features, "valid")
    user = np.where(pairs["user"] < users.total, pairs["user"], 0)
    order = np.argsort(user, kind="stable")
    start, end = np.searchsorted(user[order], (0 if chief else users.start, users.end)).tolist()
    own = order[start:end]
    return Part(start, end, len(user)), (user[own] - users.start, pairs["item"][own], rating[own])
