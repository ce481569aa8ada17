"""Our network with our training loop and with stock Keras, on random tables of any size."""

from typing import Any

import keras
import numpy as np

from pipeline.arrays import Array
from pipeline.model.network.batches import batches
from pipeline.model.network.wide_deep import WideDeep
from pipeline.settings.sections import Model
from pipeline.tables.earlier import ROW
from pipeline.tables.entities import Entities

WORDS = {"genres": 22, "type": 7, "source": 17, "studios": 1400}  # sizes of the real vocabularies


class Ours:
    """Our training: sparse optimizers, and a loop over batches inside the graph."""

    def __init__(self, settings: Model, users: Entities, items: Entities, size: int) -> None:
        self.size, self.model = size, WideDeep(settings, users, items)
        self.model.compile(settings)

    def epoch(self, columns: tuple[dict[str, Array], Array]) -> Any:
        """Train one epoch."""
        steps = -(-len(columns[1]) // self.size)
        data = batches(columns, self.size, seed=0)
        return self.model.fit(data, steps_per_epoch=steps, shuffle=False, verbose=0)


class Plain(WideDeep):
    """The same network with the training step of Keras."""

    train_step = keras.Model.train_step


class Stock:
    """Stock Keras: ``compile`` with Adam, ``fit`` on arrays, defaults otherwise."""

    def __init__(self, settings: Model, users: Entities, items: Entities, size: int) -> None:
        self.size, self.model = size, Plain(settings, users, items)
        keras.Model.compile(self.model, optimizer="adam", loss="mse")

    def epoch(self, columns: tuple[dict[str, Array], Array]) -> Any:
        """Train one epoch."""
        return self.model.fit(*columns, batch_size=self.size, verbose=0)


def entities(users: int, items: int) -> tuple[Entities, Entities]:
    """Return random users and titles."""
    random = np.random.default_rng(0)
    codes = {
        name: random.integers(0, size, (items + 1, 1), dtype=np.int32)
        for name, size in WORDS.items()
    }
    numbers = [random.normal(size=(rows + 1, 2)).astype(np.float32) for rows in (users, items)]
    return Entities(users, numbers[0], {}, {}), Entities(items, numbers[1], codes, WORDS)


def ratings(n: int, users: int, items: int) -> tuple[dict[str, Array], Array]:
    """Return random rows: the input columns of the network, and ratings."""
    random = np.random.default_rng(1)
    columns = {name: random.integers(0, 100, n, dtype=np.int32) for name in ROW}
    columns["user"] = random.integers(1, users + 1, n, dtype=np.int32)
    columns["item"] = random.integers(1, items + 1, n, dtype=np.int32)
    return columns, random.integers(1, 11, n).astype(np.float32)
