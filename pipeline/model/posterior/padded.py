"""Ratings grouped by user or by title and padded to a common length, for batched linear algebra."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.arrays import Ints

RATINGS = 40_000  # of a group, padding included: what is gathered for one stays in the cache
SLACK = 1.2  # the longest history of a group is at most this many times its shortest

DTYPES = (tf.int32, tf.int32, tf.int32, tf.float32)  # of the arrays of a group


class Padded(NamedTuple):
    """The ratings of some entities (users, or titles), a row each, padded to the longest.

    Attributes:
        entity: int32 [b], whose row it is.
        other: int32 [b, length], the title of each rating of a user, or the user of a title's.
        index: int32 [b, length], row of the training table; their number where it is padding.
        present: float32 [b, length], 0 where it is padding.
    """

    entity: tf.Tensor
    other: tf.Tensor
    index: tf.Tensor
    present: tf.Tensor


def padded(entity: Ints, other: Ints) -> list[Padded]:
    """Group ratings [n] by entity; entities with histories of a similar length share a group."""
    n, order = len(entity), np.argsort(entity, kind="stable")
    ids, start, count = np.unique(entity[order], return_index=True, return_counts=True)
    by_count, found, first = np.argsort(count, kind="stable"), list[Padded](), 0
    while first < len(ids):
        longest = max(count[by_count[first]] * SLACK, count[by_count[first]] + 4)
        end = first + int(np.searchsorted(count[by_count[first:]], longest, side="right"))
        end = min(end, first + max(1, RATINGS // int(count[by_count[end - 1]])))
        rows = by_count[first:end]
        steps = np.arange(count[rows].max())
        present = steps < count[rows][:, None]
        index = order[np.where(present, start[rows][:, None] + steps, 0)]
        arrays = (
            ids[rows],
            np.where(present, other[index], 0),
            np.where(present, index, n),
            present,
        )
        found.append(Padded(*(tf.constant(a, d) for a, d in zip(arrays, DTYPES, strict=True))))
        first = end
    return found
