"""The folder of a trained model: train writes it; predicting and recommending read it.

It needs nothing from data/, and the same settings and tables give the same bytes.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from pipeline.arrays import Array
from pipeline.artifact.draws import Kept, save_draws
from pipeline.artifact.scale import Scale, training_scale
from pipeline.errors import UserError
from pipeline.files import replace_json, seals
from pipeline.settings.sections import Config
from pipeline.tables.rows import read_watched

NETWORK = "network.npz"  # the network as plain arrays: answering needs no TensorFlow
DRAWS, SETTINGS = "draws.npz", "settings.json"
TABLES = ("users.parquet", "items.parquet", "titles.parquet", "vocabularies.parquet")
WATCHED = "watched.arrow"  # titles watched without a rating, sorted by user and item
T = TypeVar("T")
RATINGS = "ratings.arrow"  # train and valid, sorted: the ratings of a user are one slice


def write_model(
    folder: Path,
    network: tuple[Kept, dict[str, Array]],
    draws: tuple[Kept, dict[str, Array]] | None,
    config: Config,
    features: Path,
) -> None:
    """Write all files of a model.

    Args:
        folder: an existing folder.
        network: what ``pipeline.model.network.export.exported`` returns.
        draws: the posterior draws, and ``shares``, the share of each in a prediction; None without
            a posterior.
        config: the sections model, posterior and dataset.
        features: folder of the feature tables.
    """
    for name, stored in ((NETWORK, network), (DRAWS, draws)):
        if stored:
            save_draws(stored[0], folder / name, **stored[1])
    for name in TABLES:
        shutil.copyfile(features / name, folder / name)
    write_columns(folder / RATINGS, _ratings(features))
    watched = dict(zip(("user", "item"), read_watched(features), strict=True))
    write_columns(folder / WATCHED, pa.table(watched))
    settings = {
        "model": asdict(config.model),
        "posterior": asdict(config.posterior) if config.posterior else None,
        "min_rating": config.dataset.min_rating,
        "max_rating": config.dataset.max_rating,
        "rating_step": training_scale(config.dataset, features).step,
    }
    replace_json(folder / SETTINGS, settings)


def _ratings(features: Path) -> pa.Table:
    """Return the ratings of train and valid: user, item, rating, sorted by user and item."""
    columns = ["user", "item", "rating"]
    parts = [pq.read_table(features / f"{p}.parquet", columns=columns) for p in ("train", "valid")]
    return pa.concat_tables(parts).sort_by([("user", "ascending"), ("item", "ascending")])


def write_columns(path: Path, table: pa.Table) -> None:
    """Write a table as one uncompressed chunk, to be memory-mapped."""
    feather.write_feather(
        table.combine_chunks(), path, compression="uncompressed", chunksize=len(table) or 1
    )


def read_ratings(folder: Path, *names: str) -> list[Array]:
    """Read columns of the ratings of a model, memory-mapped: [n] each."""
    return _mapped(folder / RATINGS, *names)


def read_watched_titles(folder: Path) -> list[Array]:
    """Read who watched what without rating it, memory-mapped: user and item, [n] each."""
    return _mapped(folder / WATCHED, "user", "item")


def _mapped(path: Path, *names: str) -> list[Array]:
    table = feather.read_table(path, memory_map=True)
    return [table[name].combine_chunks().to_numpy() for name in names]


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of a model: model, posterior, min_rating, max_rating, rating_step."""
    settings: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    return settings


def read_scale(folder: Path) -> Scale:
    """Read the scale of the ratings that a model learned."""
    settings = read_settings(folder)
    return Scale(*(settings[name] for name in ("min_rating", "max_rating", "rating_step")))


def model_digest(folder: Path) -> str:
    """Return 16 hexadecimal digits that identify a model, of the SHA-256 of its seal.

    Raises:
        UserError: ``folder`` holds no model, or a file of it is damaged.
    """
    _find(folder)
    return hashlib.sha256(seals.check(folder).encode()).hexdigest()[:16]


def load_whole(folder: Path, load: Callable[[], T]) -> T:
    """Load a model with ``load`` if no file of it is damaged, and all are of the same model.

    Raises:
        UserError: ``folder`` holds no model, or a file of it is damaged.
    """
    _find(folder)
    return seals.whole(folder, load)


def _find(folder: Path) -> None:
    if not any((folder / name).exists() for name in (SETTINGS, seals.SEAL)):
        raise UserError(f"{folder.resolve()}: no trained model here; `dvc repro` makes one.")
