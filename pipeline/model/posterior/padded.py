"""Ratings grouped by user or by title, padded to a common length for batched linear algebra."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array, Ints

RATINGS = 10_000, 40_000  # per group, padding included: gathered weights stay in cache
GROUPS = 50  # of many ratings, which are larger instead: more would take longer to trace
SLACK = 1.2  # most ratings of an entity in a group over the fewest: bounds the padding

ABREAST = 4  # groups worked on in parallel: more would only take memory
CALLED = {"_noinline": True}  # keeps one copy in the graph, not one per group
DTYPES = (tf.int32, tf.int32, tf.int32, tf.float32)  # for the fields of ``Padded``


class Padded(NamedTuple):
    """The ratings of a group of entities (users, or titles), one row per entity.

    Attributes:
        entity: row of each entity in its table: int32 [b].
        other: title of each rating of a user, or user of each rating of a title: int32 [b, length].
        index: row of the rating in the training table, or the table's length for padding: int32
            [b, length].
        present: 1 for a rating, 0 for padding: float32 [b, length].
    """

    entity: tf.Tensor
    other: tf.Tensor
    index: tf.Tensor
    present: tf.Tensor


SHAPES = ([None], [None, None], [None, None], [None, None])
GROUP = Padded(*map(tf.TensorSpec, SHAPES, DTYPES))  # any size: one trace serves all groups


def of_each(groups: list[Padded], function: Callable[[Padded], Any]) -> list[tf.Tensor]:
    """Apply a function to all groups, a few at a time, and join its results.

    Args:
        groups: at least one.
        function: returns a tuple of tensors for a group.
    """
    compiled = tf.function(function, [GROUP], autograph=False, experimental_attributes=CALLED)
    results = list[tuple[tf.Tensor, ...]]()
    for group in groups:
        with tf.control_dependencies([last for last, *_ in results[-ABREAST : 1 - ABREAST]]):
            results.append(compiled(group))
    return [tf.concat(parts, 0) for parts in zip(*results, strict=True)]


def padded(entity: Ints, other: Ints, chosen: Array | None = None) -> list[Padded]:
    """Group ratings by entity; entities with similar numbers of ratings share a group.

    Args:
        entity, other: of each rating: int32 [n].
        chosen: which ratings to group: bool [n]; None for all.

    Returns:
        At least one group, which is empty if there are no ratings.
    """
    n, order = len(entity), np.argsort(entity, kind="stable")
    order = order if chosen is None else order[chosen[order]]
    ids, start, count = np.unique(entity[order], return_index=True, return_counts=True)
    groups = list[Padded]()
    for rows in _similar(count, int(np.clip(n // GROUPS, *RATINGS))):
        steps = np.arange(count[rows].max(initial=0))
        present = steps < count[rows][:, None]
        index = order[np.where(present, start[rows][:, None] + steps, 0)]
        arrays = (
            ids[rows],
            np.where(present, other[index], 0),
            np.where(present, index, n),
            present,
        )
        groups.append(Padded(*(tf.constant(a, d) for a, d in zip(arrays, DTYPES, strict=True))))
    return groups


def places(groups: list[Padded], n: int) -> tf.Tensor:
    """Return the place of each of n ratings among those of all groups: int32 [n + 1].

    The last one is the place of padding, if there is any.
    """
    index = np.concatenate([group.index.numpy().ravel() for group in groups])
    place = np.zeros(n + 1, np.int32)
    place[index] = np.arange(len(index))
    return tf.constant(place)


def _similar(count: Ints, size: int) -> Iterator[Ints]:
    """Split entities into groups of similar numbers of ratings: indices [b] each.

    Args:
        count: ratings of each entity [n].
        size: most ratings of a group, padding included, if it has more than one entity.
    """
    by_count, first = np.argsort(count, kind="stable"), 0
    if not len(count):
        yield by_count
    while first < len(count):
        fewest = count[by_count[first]]
        most = max(fewest * SLACK, fewest + 4)
        end = first + int(np.searchsorted(count[by_count[first:]], most, side="right"))
        end = min(end, first + max(1, size // int(count[by_count[end - 1]])))
        yield by_count[first:end]
        first = end
