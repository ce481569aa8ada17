"""Ratings grouped by user or by title, in blocks of equal length, for batched linear algebra."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array

ROWS = 40_000  # ratings of a block: what is gathered for one stays in the cache
SLACK = 1.2  # of two histories in a block, the longer is at most so many times the shorter


KINDS = (tf.int32, tf.int32, tf.int32, tf.float32)  # of a block's arrays


class Block(NamedTuple):
    """The ratings of some entities, a line each, filled up to the longest.

    Attributes:
        entity: int32 [b], whose line it is.
        other: int32 [b, length], the title of each rating of a user, or the user of a title's.
        place: int32 [b, length], where the rating stands among all; n where a line is filled up.
        there: float32 [b, length], 0 where it is filled up.
    """

    entity: tf.Tensor
    other: tf.Tensor
    place: tf.Tensor
    there: tf.Tensor


def blocks(entity: Array, other: Array) -> list[Block]:
    """Group ratings [n] by entity; entities with histories of a similar length share a block."""
    n, order = len(entity), np.argsort(entity, kind="stable")
    ids, start, count = np.unique(entity[order], return_index=True, return_counts=True)
    by_count, found, first = np.argsort(count, kind="stable"), list[Block](), 0
    while first < len(ids):
        longest = max(count[by_count[first]] * SLACK, count[by_count[first]] + 4)
        end = first + int(np.searchsorted(count[by_count[first:]], longest, side="right"))
        end = min(end, first + max(1, ROWS // int(count[by_count[end - 1]])))
        of = by_count[first:end]
        steps = np.arange(count[of].max())
        there = steps < count[of][:, None]
        place = order[np.where(there, start[of][:, None] + steps, 0)]
        arrays = (
            ids[of],
            np.where(there, other[place], 0),
            np.where(there, place, n),
            there,
        )
        found.append(Block(*(tf.constant(a, k) for a, k in zip(arrays, KINDS, strict=True))))
        first = end
    return found
