"""What the ratings of all workers say of the weights of titles.

Each worker draws some of the titles, and the others send it what their ratings say of these. Of a
title with few ratings they send the residual of each rating, one number, and once for all of them
the factors of each user who gave one, width + 1 numbers. Of a title with many ratings they send
sums, about width² / 2 numbers.
"""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array, Ints
from pipeline.model.posterior.algebra import evidence
from pipeline.model.posterior.padded import Padded, of_each, padded
from pipeline.model.shard import Shard
from pipeline.model.workers import Workers, exchange, gathered

LIMITS = math.inf, 1000, 300, 100, 30, 10, 0  # most ratings of a title that travel themselves
AT_ONCE = 1024  # titles whose sums travel in one message: bounds its size
CHUNK = 512  # titles drawn at once

Draw = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


class Titles:
    """What travels between a worker and the others, and draws of its part of the titles.

    Args:
        shard: the rows of the worker.
        width: number of weights of a title.
        workers: the workers.
        limit: most ratings of a title that travel themselves. None: so that fewest numbers travel.
    """

    def __init__(
        self, shard: Shard, width: int, workers: Workers, limit: float | None = None
    ) -> None:
        self._part, self._number = shard.titles, workers.number
        starts, ends = workers.each(self._part.start), workers.each(self._part.end)
        titles = np.arange(self._part.total)
        owner = np.searchsorted(ends, titles, side="right")
        limit = fewest(shard, owner, width, workers) if limit is None else limit
        is_few = shard.item_counts[: len(owner)] <= limit
        self._let_ratings_travel(shard, owner, is_few, workers)
        self._let_sums_travel(shard, owner, ~is_few, workers.rank)
        self._largest = int((ends - starts).max())
        self._place = tf.constant(owner * self._largest + titles - starts[owner])

    def _let_ratings_travel(
        self, shard: Shard, owner: Ints, chosen: Array, workers: Workers
    ) -> None:
        """Note which ratings and users go to whom, and what will arrive.

        Args:
            shard: the rows of the worker.
            owner: which worker draws each title: integers [titles].
            chosen: titles whose ratings travel: bool [titles].
            workers: the workers.
        """
        rows = np.flatnonzero(chosen[shard.item])
        rows = rows[np.argsort(shard.item[rows], kind="stable")]
        title, user = shard.item[rows], shard.user[rows]
        to = owner[title]
        givers, giver = np.unique(to * shard.users.size + user, return_inverse=True)
        giver_to, givers = np.divmod(givers, max(shard.users.size, 1))
        place, giver_place = _places(to), _places(giver_to)
        most = np.array([x.max(initial=0) + 1 for x in (place, giver_place)])
        n_ratings, n_givers = workers.each(most).max(0).tolist()
        told = np.full((self._number, 3, n_ratings), [[[shard.rows.size], [-1], [-1]]], np.int32)
        told[to, :, place] = np.stack([rows, title, giver_place[giver]], 1)
        users = np.zeros((self._number, n_givers), np.int32)
        users[giver_to, giver_place] = givers
        self._rows, self._users = tf.constant(told[:, 0]), tf.constant(users)
        title, giver = workers.exchange(told)[:, 1:].swapaxes(0, 1)
        giver = giver + n_givers * np.arange(self._number)[:, None]
        self._few = padded(title.ravel() - self._part.start, giver.ravel(), title.ravel() >= 0)

    def _let_sums_travel(self, shard: Shard, owner: Ints, chosen: Array, rank: int) -> None:
        """Note which sums go to whom: see ``_let_ratings_travel``."""
        titles = np.flatnonzero(chosen)
        place = _places(owner[titles])
        self._many = padded(shard.item, shard.user, chosen[shard.item]) if len(titles) else []
        self._most = int(place.max(initial=0)) + 1
        address = np.zeros(len(owner), np.int64)
        address[titles] = owner[titles] * self._most + place
        self._address = tf.constant(address)
        self._own_many = tf.constant(titles[owner[titles] == rank] - self._part.start, tf.int32)

    def drawn(
        self, design: tf.Tensor, residual: tf.Tensor, before: tf.Tensor, noise: tf.Tensor,
        draw: Draw,
    ) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
        """Draw this worker's part of the titles, as far as they have ratings.

        Args:
            design: factors of the weights of titles: float32 [users, width].
            residual: of each rating, with the current weights of titles: float32 [rows + 1]; the
                last one is for padding.
            before: these weights: float32 [titles, width].
            noise: noise precision of each user: float32 [users].
            draw: takes what the ratings of all workers say of some titles, precision [b, width,
                width] and moment [b, width], and the titles [b]; returns their weights [b, width].

        Returns:
            Weights [n, width] and titles of the part [n].
        """
        own = tf.concat([design, noise[:, None]], 1)
        factors = tf.reshape(tf.gather(own, self._users), [self._number, -1])
        arrived = exchange(tf.concat([tf.gather(residual, self._rows), factors], 1))
        residuals, givers = tf.split(arrived, [self._rows.shape[1], factors.shape[1]], 1)
        residuals = tf.concat([tf.reshape(residuals, [-1]), [0.0]], 0)
        givers = tf.reshape(givers, [-1, own.shape[1]])

        def of_few(group: Padded) -> tuple[tf.Tensor, ...]:
            title = group.entity + self._part.start
            sums = _evidence(group, givers, residuals, tf.gather(before, title))
            return draw(*sums, group.entity), group.entity

        def of_many(group: Padded) -> tuple[tf.Tensor, ...]:
            sums = _evidence(group, own, residual, tf.gather(before, group.entity))
            return *sums, tf.gather(self._address, group.entity)

        weights, titles = of_each(self._few, of_few)
        if not self._many:
            return weights, titles
        precision, moment = self._summed(*of_each(self._many, of_many))
        chunks = [slice(i, i + CHUNK) for i in range(0, max(len(self._own_many), 1), CHUNK)]
        drawn = [draw(precision[i], moment[i], self._own_many[i]) for i in chunks]
        return tf.concat([weights, *drawn], 0), tf.concat([titles, self._own_many], 0)

    def of_all(self, own: tf.Tensor) -> tf.Tensor:
        """Collect the weights of all titles: float32 [part, width] to [titles, width]."""
        sent = tf.pad(own, [[0, self._largest - self._part.size], [0, 0]])
        (arrived,) = gathered([sent])
        return tf.gather(tf.reshape(arrived, [-1, own.shape[1]]), self._place)

    def _summed(
        self, precision: tf.Tensor, moment: tf.Tensor, address: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Send sums for titles to who draws these; return the sums of all for its own ones."""
        number, width = self._number, moment.shape[1]
        half = np.flatnonzero(np.tri(width).ravel())  # the rest of a precision is its mirror image
        packed = tf.gather(tf.reshape(precision, [-1, width**2]), half, axis=1)
        packed = tf.concat([packed, moment], 1)
        sent = tf.scatter_nd(address[:, None], packed, [number * self._most, packed.shape[1]])
        sent = tf.reshape(sent, [number, self._most, packed.shape[1]])
        starts = range(0, self._most, AT_ONCE)
        parts = [exchange(sent[:, start : start + AT_ONCE]) for start in starts]
        summed = tf.reduce_sum(tf.concat(parts, 1), 0)[: len(self._own_many)]
        place = np.zeros((width, width), np.int32)
        place[np.tril_indices(width)] = np.arange(len(half))
        place = np.maximum(place, place.T)
        return tf.gather(summed, place, axis=1), summed[:, len(half) :]


def fewest(shard: Shard, owner: Ints, width: int, workers: Workers) -> float:
    """Return the one of LIMITS with which all workers together send the fewest numbers.

    Args:
        shard: the rows of the worker.
        owner: which worker draws each title: integers [titles].
        width: number of weights of a title.
        workers: the workers.
    """
    counts, away = shard.item_counts[: len(owner)], owner != workers.rank
    sent = np.flatnonzero(away[shard.item])
    count = counts[shard.item[sent]]
    giver = owner[shard.item[sent]] * shard.users.size + shard.user[sent]

    def numbers(limit: float) -> int:
        few = count <= limit
        sums = np.count_nonzero(away & (counts > limit)) * width * (width + 3) // 2
        return int(len(np.unique(giver[few])) * (width + 1) + few.sum() + sums)

    return LIMITS[int(workers.total(np.array([numbers(limit) for limit in LIMITS])).argmin())]


def _evidence(
    group: Padded, users: tf.Tensor, residual: tf.Tensor, before: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what ratings say of the weights of a group of titles, which are ``before`` by now.

    Args:
        group: the ratings by title.
        users: factors, then noise precision, of those who gave them: float32 [users, width + 1].
        residual: of each rating: float32 [n].
        before: float32 [b, width].
    """
    of_user = tf.gather(users, group.other)
    factors = of_user[..., :-1]
    target = tf.linalg.matvec(factors, before) + tf.gather(residual, group.index)
    return evidence(factors, target, of_user[..., -1] * group.present)


def _places(worker: Array) -> Ints:
    """Return the place of each of some elements [n] among those of its worker; these are sorted."""
    return np.arange(len(worker)) - np.searchsorted(worker, worker)
