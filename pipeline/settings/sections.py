"""The sections of params.yaml, one dataclass each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Watch:
    """Paths that DVC compares to decide whether to run download again."""

    data: str
    test: str


@dataclass
class Dataset:
    """Settings that every data source has."""

    source: str
    min_rating: int | float
    max_rating: int | float
    watch: Watch


@dataclass
class Files(Dataset):
    """Settings of a source whose files may be placed by hand, in a folder or archive ``path``."""

    path: str | None


@dataclass
class Clean:
    """Settings of the clean stage."""

    max_rejected: float


@dataclass
class Features:
    """Settings of the features stage."""

    split: str
    seed: int
    test_share: float
    valid_share: float
    min_ratings: int
    min_titles_per_value: int


@dataclass
class Duckdb:
    """Settings of DuckDB."""

    name: str
    threads: int | None
    memory_limit: str


@dataclass
class Pyspark:
    """Settings of Spark; ``spark`` nests Spark's own keys: ``{"master": …}`` is spark.master."""

    name: str
    spark: dict[str, Any]


@dataclass
class Wide:
    """Settings of the wide part."""

    crosses: list[str]
    buckets: int
    l2: float
    neighbours: int
    watch_crosses: int
    watch_l2: float


@dataclass
class Deep:
    """Settings of the deep part."""

    embedding: int
    history_components: int
    attributes: list[str]
    units: list[int]
    dropout: float


@dataclass
class Model:
    """Settings of the network: a wide part, a deep part or both."""

    wide: Wide | None = None
    deep: Deep | None = None

    @property
    def name(self) -> str:
        """The parts: wide, deep or wide_deep."""
        parts = {"wide": self.wide, "deep": self.deep}
        return "_".join(name for name, part in parts.items() if part)


@dataclass
class Posterior:
    """Settings of the posterior draws that are averaged with the network."""

    members: list[str]
    embedding: int
    history_components: int
    attributes: list[str]
    crosses: list[str]
    sweeps: int
    burn_in: int
    keep_every: int


@dataclass
class Train:
    """Settings of the train stage."""

    seed: int
    strategy: str
    threads: int | None
    precision: str
    batch_size: int
    epochs: int
    learning_rate: float
    divergence_weight: float


@dataclass
class Evaluate:
    """Settings of the evaluate stage."""

    seed: int
    bootstrap: int
    max_baseline_ratings: int
    ranking_users: int


@dataclass
class Config:
    """All settings, one section per group in conf/."""

    dataset: Any  # Settings of the source module that dataset.source names
    clean: Clean
    features: Features
    engine: Any  # the one of ENGINES that engine.name names
    model: Model
    train: Train
    evaluate: Evaluate
    posterior: Posterior | None = None


ENGINES: dict[str, Any] = {"duckdb": Duckdb, "pyspark": Pyspark}


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to dotted keys; nulls are left out, lists become JSON."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        elif value is not None:
            result[prefix + key] = json.dumps(value) if isinstance(value, list) else value
    return result
