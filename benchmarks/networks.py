"""Our network with our training loop and with stock Keras, on random tables of any size."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.model.network.fit import Loop
from pipeline.model.network.knowledge import know
from pipeline.model.network.wide_deep import WideDeep
from pipeline.model.shard import Part, Shard
from pipeline.model.workers import Workers
from pipeline.settings.sections import Config
from pipeline.tables.entities import Entities

WORDS = {"genres": 22, "type": 7, "source": 17, "studios": 1400}  # sizes of the real vocabularies


class Ours:
    """Our training: one sparse optimizer that updates only the rows of a batch."""

    def __init__(self, config: Config, shard: Shard, epochs: int) -> None:
        self.model, self.number = _model(WideDeep, config, shard), 0
        self.loop = Loop(self.model, shard, config.train.batch_size, seed=0, workers=Workers())
        self.model.prepare(config.train, epochs * self.loop.steps)

    def epoch(self) -> None:
        """Train one epoch."""
        self.loop.train(self.number)
        self.number += 1


class Plain(WideDeep):
    """The same network with the training step of Keras, on the mean of its loss."""

    train_step = keras.Model.train_step

    def compute_loss(self, x: Any, y: Any, y_pred: Any, *_: Any, **__: Any) -> Any:
        """Return the loss (11), the same as ours."""
        return self.loss_of(x, y)[0] / tf.cast(tf.size(y), tf.float32)


class Stock:
    """Stock Keras: ``compile`` with Adam, ``fit`` on arrays, defaults otherwise."""

    def __init__(self, config: Config, shard: Shard, epochs: int) -> None:
        self.size, self.model = config.train.batch_size, _model(Plain, config, shard)
        self.columns = {"user": shard.user, "item": shard.item}, shard.rating
        self.model.divergence_weight = config.train.divergence_weight
        keras.Model.compile(self.model, optimizer="adam", loss="mse")

    def epoch(self) -> Any:
        """Train one epoch."""
        return self.model.fit(*self.columns, batch_size=self.size, verbose=0)


def _model(kind: type[WideDeep], config: Config, shard: Shard) -> WideDeep:
    known = know(config.model, shard, 0, Workers())
    return kind(config.model, known, (shard.mean, shard.variance, shard.rows.total))


def titles(items: int) -> Entities:
    """Return random titles."""
    random = np.random.default_rng(0)
    codes = {
        name: random.integers(0, size, (items + 1, 1), dtype=np.int32)
        for name, size in WORDS.items()
    }
    numbers = random.normal(size=(items + 1, 2)).astype(np.float32)
    return Entities(items, numbers, codes, WORDS)


def ratings(n: int, users: int, items: int) -> Shard:
    """Return random ratings, those of the only worker; a few of them are for validation too."""
    random = np.random.default_rng(1)
    user, item = (random.integers(1, most + 1, n, dtype=np.int32) for most in (users, items))
    user[0], item[0] = users, items  # so that the tables have all rows
    rating = random.integers(1, 11, n).astype(np.float32)
    few = slice(0, 1000)
    return Shard(
        Part(0, users + 1, users + 1), Part(0, items + 1, items + 1), Part(0, n, n),
        user, item, rating, (user, item),
        Part(0, len(user[few]), len(user[few])), user[few], item[few], rating[few],
        np.bincount(user), np.bincount(item), titles(items),
        float(rating.mean()), float(rating.var()),
    )  # fmt: skip
