"""A trained model as a folder that works on its own: weights, settings, tables of ids."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from omegaconf import OmegaConf

from pipeline.config import Config, Model, Posterior
from pipeline.errors import UserError
from pipeline.model.data import Array, batches, read_items, read_users
from pipeline.model.describe import attributes
from pipeline.model.draws import Draw, Draws, read, write
from pipeline.model.wide_deep import WideDeep
from pipeline.rows import HISTORY
from pipeline.tables import replace_json

WEIGHTS, SETTINGS, DRAWS = "model.weights.h5", "settings.json", "draws.npz"
BATCH = 65_536  # rows predicted at a time: bounds memory, and larger is not faster


def save(model: WideDeep, draws: list[Draw], config: Config, folder: Path) -> None:
    """Write weights and settings to ``folder``; the user and item tables are put beside them."""
    if draws:
        write(draws, folder / DRAWS)
    model.save_weights(folder / WEIGHTS)
    settings = {
        "model": asdict(config.model),
        "posterior": asdict(config.posterior) if config.posterior else None,
        "min_rating": config.dataset.min_rating,
        "max_rating": config.dataset.max_rating,
    }
    replace_json(folder / SETTINGS, settings)


class Predictor:
    """Predicts ratings with a saved model.

    Raises:
        UserError: ``folder`` holds no model.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / WEIGHTS).exists():
            raise UserError(f"{folder.resolve()}: no trained model here; `dvc repro` makes one.")
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        self.scale = settings["min_rating"], settings["max_rating"]
        users, items = folder / "users.parquet", folder / "items.parquet"
        structure: Any = OmegaConf.merge(OmegaConf.structured(Model), settings["model"])
        self.model = WideDeep(
            cast(Model, OmegaConf.to_object(structure)), read_users(users), read_items(items)
        )
        self.model.load_weights(folder / WEIGHTS)
        self.weight, self.draws = 0.0, None
        if settings["posterior"]:
            own = Posterior(**settings["posterior"])
            counts = pq.read_table(items, columns=["item_count"])["item_count"].to_numpy()
            known = attributes(own, self.model.items, counts)
            wide = settings["model"]["wide"] is not None
            draws = read(folder / DRAWS)
            self.weight = own.weight
            self.draws = Draws(draws, known, wide, self.scale)
        self._users = _Lookup(users, "user")
        self._items = _Lookup(items, "item")

    def rows(self, rows: dict[str, Array]) -> Array:
        """Predict rows of table indices and histories (``rows.ROW``): float32 [n], on the scale."""
        network = self._network(rows)
        if self.draws is None:
            return network
        drawn = _in_parts(self.draws.predict, rows["user"], rows["item"])
        return self.weight * drawn + (1 - self.weight) * network

    def matrix(self, user: Array, item: Array) -> Array:
        """Predict users times titles, rows of their tables: float32 [users, titles]."""
        of_user = self._users.history(np.repeat(user, len(item)))
        of_item = self._items.history(np.tile(item, len(user)))
        network = self._network(of_user | of_item).reshape(len(user), len(item))
        if self.draws is None:
            return network
        return self.weight * self.draws.matrix(user, item) + (1 - self.weight) * network

    def log_likelihood(self, rows: dict[str, Array], rating: Array) -> Array | None:
        """Tell how likely the draws hold each rating, float32 [n]; None without draws."""
        if self.draws is None:
            return None
        return _in_parts(self.draws.log_likelihood, rows["user"], rows["item"], rating)

    def embeddings(self) -> Array | None:
        """Return a vector for each title that was trained on, row 0 any other; None without any."""
        drawn = self.draws.draws[0].items if self.draws else None
        wide = self.model.wide is not None
        if drawn is not None and drawn.shape[1] > wide:
            return drawn[:, : drawn.shape[1] - wide].astype(np.float32)
        return self.model.deep.item.embeddings.numpy() if self.model.deep else None

    def _network(self, rows: dict[str, Array]) -> Array:
        parts = [self.model(batch).numpy() for batch in batches(rows, BATCH)]
        return np.clip(np.concatenate([np.zeros(0, np.float32), *parts]), *self.scale)

    def ids(self, user_id: Array, item_id: Array) -> Array:
        """Predict pairs of ids, integers [n]; an unknown id counts as an average user or title."""
        return self.rows(self._users.look_up(user_id) | self._items.look_up(item_id))


class _Lookup:
    """Finds the table row of an id, and the history that training has of it."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        columns = [column for column in HISTORY if column.startswith(name)]
        table = pq.read_table(path, columns=[f"{name}_id", *columns])
        self.ids = pd.Index(table[f"{name}_id"].fill_null(-1).to_numpy())
        self.columns = {column: table[column].to_numpy() for column in columns}

    def look_up(self, ids: Array) -> dict[str, Array]:
        row = self.ids.get_indexer(pd.Index(ids))
        return self.history(np.maximum(row, 0).astype(np.int32))

    def history(self, row: Array) -> dict[str, Array]:
        return {self.name: row, **{name: column[row] for name, column in self.columns.items()}}


def _in_parts(of: Callable[..., Array], *columns: Array) -> Array:
    """Put together what ``of`` returns of BATCH rows at a time."""
    starts = range(0, len(columns[0]), BATCH)
    parts = [of(*(column[start : start + BATCH] for column in columns)) for start in starts]
    return np.concatenate([np.zeros(0, np.float32), *parts])
