"""A trained model as a folder that works on its own: weights, settings, tables of ids."""

import json
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
        parts = [self.model(batch).numpy() for batch in batches(rows, BATCH)]
        network = np.clip(np.concatenate([np.zeros(0, np.float32), *parts]), *self.scale)
        if self.draws is None:
            return network
        parts = [
            self.draws.predict(*(rows[name][start : start + BATCH] for name in ("user", "item")))
            for start in range(0, len(network), BATCH)
        ]
        drawn = np.concatenate([np.zeros(0, np.float32), *parts])
        return self.weight * drawn + (1 - self.weight) * network

    def ids(self, user_id: Array, item_id: Array) -> Array:
        """Predict pairs of ids, integers [n]; an unknown id counts as an average user or title."""
        return self.rows(self._users.look_up(user_id) | self._items.look_up(item_id))


class _Lookup:
    """Finds the table row of an id, and the history that training has of it."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.history = [column for column in HISTORY if column.startswith(name)]
        table = pq.read_table(path, columns=[f"{name}_id", *self.history])
        self.ids = pd.Index(table[f"{name}_id"].fill_null(-1).to_numpy())
        self.columns = {column: table[column].to_numpy() for column in self.history}

    def look_up(self, ids: Array) -> dict[str, Array]:
        row = np.maximum(self.ids.get_indexer(pd.Index(ids)), 0).astype(np.int32)
        return {self.name: row, **{name: column[row] for name, column in self.columns.items()}}
