"""Draws of all weights, and the mean of their predictions: what is kept of the posterior."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.model.data import Array
from pipeline.model.grades import expected


class Draw(NamedTuple):
    """One draw of all weights, as it is stored.

    Attributes:
        users: float16 [known + 1, n]; row 0 is any user who was not trained on.
        items: float16 [known + 1, m].
        map: float32 [attributes + 1, m]; puts titles without ratings where their kind is.
        noise: float32 [known + 1], precision of each user.
        cuts: float32 [grades - 1]; none where ratings are numbers.
        intercept: float32 [].
    """

    users: Array
    items: Array
    map: Array
    noise: Array
    cuts: Array
    intercept: Array


class Draws:
    """Predicts ratings as the mean over draws.

    Args:
        draws: at least one.
        known: attributes of all titles, as ``describe.attributes`` gives them.
        wide: whether users have biases and crosses.
        scale: lowest and highest rating.
    """

    def __init__(self, draws: list[Draw], known: Array, wide: bool, scale: tuple[int, int]) -> None:
        self.draws, self.wide, self.scale = draws, wide, scale
        self.attributes = tf.constant(known)
        self.described = tf.concat([self.attributes, tf.ones([len(known), 1])], 1)

    def predict(self, user: Array, item: Array) -> Array:
        """Predict pairs of table rows, int32 [n]: float32 [n], on the scale."""
        if not len(user):
            return np.zeros(0, np.float32)
        total = sum(self._one(draw, tf.constant(user), tf.constant(item)) for draw in self.draws)
        return total.numpy() / np.float32(len(self.draws))

    def _one(self, draw: Draw, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        user = tf.where(user < len(draw.users), user, 0)
        rated = (item > 0) & (item < len(draw.items))
        left = tf.cast(tf.gather(draw.users, user), tf.float32)
        trained = tf.cast(tf.gather(draw.items, tf.where(rated, item, 0)), tf.float32)
        by_kind = tf.matmul(tf.gather(self.described, item), draw.map)
        right = tf.where(rated[:, None], trained, by_kind)
        deep = draw.items.shape[1] - self.wide
        score = tf.reduce_sum(left[:, :deep] * right[:, :deep], 1) + draw.intercept
        if self.wide:
            crossed = tf.gather(self.attributes, item)
            score += left[:, deep] + right[:, deep]
            score += tf.reduce_sum(left[:, deep + 1 :] * crossed, 1)
        if not len(draw.cuts):
            return tf.clip_by_value(score, *self.scale)
        return expected(score, tf.gather(draw.noise, user), draw.cuts, self.scale[0])


def write(draws: list[Draw], path: Path) -> None:
    """Store draws in one file."""
    fields: dict[str, Any] = {
        f"{i}/{name}": array
        for i, draw in enumerate(draws)
        for name, array in draw._asdict().items()
    }
    np.savez(path, **fields)


def read(path: Path) -> list[Draw]:
    """Read what ``write`` wrote."""
    with np.load(path) as file:
        number = len(file.files) // len(Draw._fields)
        return [Draw(*(file[f"{i}/{name}"] for name in Draw._fields)) for i in range(number)]
