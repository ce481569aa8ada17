"""Our network with our training loop and with stock Keras, on random tables of any size."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.model.network.batches import batches
from pipeline.model.network.knowledge import Knowledge, know
from pipeline.model.network.wide_deep import ROW, WideDeep
from pipeline.settings.sections import Config
from pipeline.tables.entities import Entities

Scale = tuple[float, float, int]
WORDS = {"genres": 22, "type": 7, "source": 17, "studios": 1400}  # sizes of the real vocabularies


class Ours:
    """Our training: one sparse optimizer, and a loop over batches inside the graph."""

    def __init__(self, config: Config, known: Knowledge, scale: Scale, epochs: int) -> None:
        self.size, self.number = config.train.batch_size, tf.Variable(0, dtype=tf.int64)
        self.model = WideDeep(config.model, known, scale)
        self.model.compile(config.train, epochs * -(-scale[2] // self.size))

    def epoch(self, columns: tuple[dict[str, Array], Array]) -> Any:
        """Train one epoch."""
        data = batches(columns, self.size, seed=0, epoch=self.number)
        self.number.assign_add(1)
        return self.model.fit(data, shuffle=False, verbose=0)


class Plain(WideDeep):
    """The same network with the training step of Keras, on the mean of its loss."""

    train_step = keras.Model.train_step

    def compute_loss(self, x: Any, y: Any, y_pred: Any, *_: Any, **__: Any) -> Any:
        """Return the loss (11), the same as ours."""
        return self.loss_of(x, y)[0]


class Stock:
    """Stock Keras: ``compile`` with Adam, ``fit`` on arrays, defaults otherwise."""

    def __init__(self, config: Config, known: Knowledge, scale: Scale, epochs: int) -> None:
        self.size, self.model = config.train.batch_size, Plain(config.model, known, scale)
        self.model.divergence_weight = config.train.divergence_weight
        keras.Model.compile(self.model, optimizer="adam", loss="mse")

    def epoch(self, columns: tuple[dict[str, Array], Array]) -> Any:
        """Train one epoch."""
        return self.model.fit(*columns, batch_size=self.size, verbose=0)


def titles(items: int) -> Entities:
    """Return random titles."""
    random = np.random.default_rng(0)
    codes = {
        name: random.integers(0, size, (items + 1, 1), dtype=np.int32)
        for name, size in WORDS.items()
    }
    numbers = random.normal(size=(items + 1, 2)).astype(np.float32)
    return Entities(items, numbers, codes, WORDS)


def inputs(config: Config, columns: tuple[dict[str, Array], Array], items: int) -> Knowledge:
    """Return what the network knows of the users and titles of random rows."""
    pairs = columns[0]["user"], columns[0]["item"]
    return know(config.model, *pairs, pairs, titles(items), seed=0)


def scale(rating: Array) -> Scale:
    """Return mean, variance and number of ratings."""
    return float(rating.mean()), float(rating.var()), len(rating)


def ratings(n: int, users: int, items: int) -> tuple[dict[str, Array], Array]:
    """Return random rows: the input columns of the network, and ratings."""
    random = np.random.default_rng(1)
    highest = dict(zip(ROW, (users, items), strict=True))
    columns = {
        name: random.integers(1, most + 1, n, dtype=np.int32) for name, most in highest.items()
    }
    for name, most in highest.items():
        columns[name][0] = most  # so that the tables have all rows
    return columns, random.integers(1, 11, n).astype(np.float32)
