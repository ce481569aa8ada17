"""A trained model as a folder that works on its own: weights, settings, tables of ids."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from omegaconf import OmegaConf

from pipeline.arrays import Array
from pipeline.artifact.draws import Kept, read, write
from pipeline.artifact.folder import (
    DRAWS,
    NETWORK,
    RATINGS,
    SETTINGS,
    TABLES,
    WEIGHTS,
    read_settings,
)
from pipeline.files import replace_json
from pipeline.model.network.batches import batches
from pipeline.model.network.export import arrays
from pipeline.model.network.wide_deep import WideDeep
from pipeline.model.posterior.draws import Draws
from pipeline.settings.sections import Config, Model
from pipeline.tables.earlier import HISTORY
from pipeline.tables.entities import read_items, read_users

PARTS = ("train", "valid")
BATCH = 65_536  # rows predicted at a time: bounds memory, and larger is not faster


def save(model: WideDeep, kept: Kept | None, config: Config, features: Path, folder: Path) -> None:
    """Write to ``folder`` all that predictions need, the tables of users and titles too."""
    if kept:
        write(kept, folder / DRAWS)
    model.save_weights(folder / WEIGHTS)
    for name in TABLES:
        shutil.copyfile(features / name, folder / name)
    users, items = (pq.read_table(features / name) for name in TABLES[:2])
    known = (items["item_sum"], items["item_count"], users["user_count"])
    np.savez(folder / NETWORK, **arrays(model, *(column.to_numpy() for column in known)))
    columns = ["user", "item", "rating"]
    parts = [pq.read_table(features / f"{part}.parquet", columns=columns) for part in PARTS]
    rated = pa.concat_tables(parts).sort_by([("user", "ascending"), ("item", "ascending")])
    feather.write_feather(
        rated.combine_chunks(),
        folder / RATINGS,
        compression="uncompressed",
        chunksize=len(rated) or 1,
    )
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
        settings = read_settings(folder)
        self.scale = settings["min_rating"], settings["max_rating"]
        users, items = folder / "users.parquet", folder / "items.parquet"
        structure: Any = OmegaConf.merge(OmegaConf.structured(Model), settings["model"])
        self.model = WideDeep(
            cast(Model, OmegaConf.to_object(structure)), read_users(users), read_items(items)
        )
        self.model.load_weights(folder / WEIGHTS)
        self.weight, self.draws = 0.0, None
        if settings["posterior"]:
            wide = settings["model"]["wide"] is not None
            self.weight = settings["posterior"]["weight"]
            self.draws = Draws(read(folder / DRAWS), wide, self.scale)
        self._users = _Histories(users, "user")
        self._items = _Histories(items, "item")

    def rows(self, rows: dict[str, Array]) -> Array:
        """Predict rows of table indices and histories (``rows.ROW``): float32 [n], on the scale."""
        network = self._network(rows)
        if self.draws is None:
            return network
        drawn = _in_parts(self.draws.predict, rows["user"], rows["item"])
        return self.weight * drawn + (1 - self.weight) * network

    def matrix(self, user: Array, item: Array) -> Array:
        """Predict users times titles, rows of their tables: float32 [users, titles]."""
        of_user = self._users.of(np.repeat(user, len(item)))
        of_item = self._items.of(np.tile(item, len(user)))
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


class _Histories:
    """The history that training has of each user, or title."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        table = pq.read_table(path, columns=[c for c in HISTORY if c.startswith(name)])
        self.columns = {column: table[column].to_numpy() for column in table.column_names}

    def of(self, row: Array) -> dict[str, Array]:
        return {self.name: row, **{name: column[row] for name, column in self.columns.items()}}


def _in_parts(of: Callable[..., Array], *columns: Array) -> Array:
    """Put together what ``of`` returns of BATCH rows at a time."""
    starts = range(0, len(columns[0]), BATCH)
    parts = [of(*(column[start : start + BATCH] for column in columns)) for start in starts]
    return np.concatenate([np.zeros(0, np.float32), *parts])
