"""What the ratings of all workers say of the weights of titles.

Each worker draws some of the titles, and the others send it what their ratings say of these: sums,
about width² / 2 numbers for a title. Of a title with few ratings they send the ratings, width + 2
numbers each, which are summed on arrival.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pipeline.arrays import Ints
from pipeline.model.posterior.algebra import evidence
from pipeline.model.posterior.padded import Padded, of_each, padded
from pipeline.model.shard import Shard
from pipeline.model.workers import Workers, exchange

AT_ONCE = 1024  # titles whose sums travel in one message: bounds its size
CHUNK = 512  # titles drawn at once

Draw = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


class Titles:
    """The ratings of a worker by title.

    Args:
        shard: the rows of the worker.
        few: most ratings of a title that travel themselves; at its embedding's width two workers
            send about as many numbers as the sums have.
        workers: the workers.

    Attributes:
        groups: its ratings by title.
    """

    def __init__(self, shard: Shard, few: int, workers: Workers) -> None:
        self._number, self._part, item = workers.number, shard.titles, shard.item
        is_few = shard.item_counts[: self._part.total] <= few
        ends, chosen = workers.each(self._part.end), is_few[item]
        self._many, rest = (padded(item, shard.user, rows) for rows in (~chosen, chosen))
        self.groups = [*self._many, *rest]

        many = np.flatnonzero(~is_few)
        worker, place = _addressed(many, ends)
        self._most = int(place.max(initial=0)) + 1
        address = np.zeros(self._part.total, np.int64)
        address[many] = worker * self._most + place
        self._address = tf.constant(address, tf.int32)
        self._own_many = tf.constant(many[worker == workers.rank] - self._part.start, tf.int32)

        rows = np.flatnonzero(chosen)
        rows = rows[np.argsort(item[rows], kind="stable")]
        worker, place = _addressed(item[rows], ends)
        most = workers.each(place.max(initial=0)).max() + 1
        sent = np.full((3, workers.number, most), [[[shard.rows.size]], [[0]], [[-1]]])
        sent[:, worker, place] = rows, shard.user[rows], item[rows]
        self._row, self._user, title = tf.constant(sent, tf.int32)
        self._title = tf.maximum(title, 0)
        title = workers.each(sent[2])[:, workers.rank].ravel()
        self._few = padded(title - self._part.start, title, title >= 0)

    def drawn(
        self, design: tf.Tensor, residual: tf.Tensor, before: tf.Tensor, noise: tf.Tensor,
        draw: Draw,
    ) -> list[tf.Tensor]:  # fmt: skip
        """Draw this worker's part of the titles, as far as they have ratings.

        Args:
            design: factors of the weights of titles: float32 [users, width].
            residual: of each rating, with the current weights of titles: float32 [rows + 1].
            before: these weights: float32 [titles, width].
            noise: noise precision of each user: float32 [users].
            draw: takes what the ratings of all workers say of some titles, precision [b, width,
                width] and moment [b, width], and the titles [b]; returns their weights [b, width].

        Returns:
            Weights [n, width] and titles of the part [n].
        """
        factors = tf.gather(design, self._user)
        target = tf.reduce_sum(factors * tf.gather(before, self._title), 2)
        target += tf.gather(residual, self._row)
        weight = tf.gather(noise, self._user)
        sent = tf.concat([factors, target[..., None], weight[..., None]], 2)
        arrived = tf.reshape(exchange(sent), [-1, sent.shape[2]])
        arrived = tf.pad(arrived, [[0, 1], [0, 0]])

        def of_few(group: Padded) -> tuple[tf.Tensor, ...]:
            ratings = tf.gather(arrived, group.index)
            sums = evidence(ratings[..., :-2], ratings[..., -2], ratings[..., -1])
            return draw(*sums, group.entity), group.entity

        def of_many(group: Padded) -> tuple[tf.Tensor, ...]:
            factors = tf.gather(design, group.other)
            target = tf.linalg.matvec(factors, tf.gather(before, group.entity))
            target += tf.gather(residual, group.index)
            weight = tf.gather(noise, group.other) * group.present
            return *evidence(factors, target, weight), tf.gather(self._address, group.entity)

        weights, titles = of_each(self._few, of_few)
        precision, moment = self._summed(*of_each(self._many, of_many))
        chunks = [slice(i, i + CHUNK) for i in range(0, max(len(self._own_many), 1), CHUNK)]
        drawn = [draw(precision[i], moment[i], self._own_many[i]) for i in chunks]
        return [tf.concat([weights, *drawn], 0), tf.concat([titles, self._own_many], 0)]

    def _summed(
        self, precision: tf.Tensor, moment: tf.Tensor, address: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Send sums for titles to who draws these; return the sums of all for its own ones."""
        size, number, width = len(self._own_many), self._number, moment.shape[1]
        if number == 1:
            place = tf.math.invert_permutation(address)
            return tf.gather(precision, place), tf.gather(moment, place)
        half = np.flatnonzero(np.tri(width).ravel())  # the rest of a precision is its mirror image
        packed = tf.gather(tf.reshape(precision, [-1, width**2]), half, axis=1)
        packed = tf.concat([packed, moment], 1)
        sent = tf.scatter_nd(address[:, None], packed, [number * self._most, packed.shape[1]])
        sent = tf.reshape(sent, [number, self._most, packed.shape[1]])
        starts = range(0, self._most, AT_ONCE)
        parts = [exchange(sent[:, start : start + AT_ONCE]) for start in starts]
        summed = tf.reduce_sum(tf.concat(parts, 1), 0)[:size]
        place = np.zeros((width, width), np.int32)
        place[np.tril_indices(width)] = np.arange(len(half))
        place = np.maximum(place, place.T)
        return tf.gather(summed, place, axis=1), summed[:, len(half) :]


def _addressed(title: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Return which worker draws each of some titles [n] in order, and its place among that one's.

    Args:
        title: the titles, or those of ratings, in order.
        ends: where the part of the titles of each worker ends.
    """
    worker = np.searchsorted(ends, title, side="right")
    return worker, np.arange(len(title)) - np.searchsorted(worker, worker)
