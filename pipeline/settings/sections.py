"""The sections of params.yaml: a dataclass each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Watch:
    """What DVC compares to decide whether download must run again."""

    data: str
    test: str


@dataclass
class Dataset:
    """What every data source says of itself."""

    source: str
    min_rating: int
    max_rating: int
    watch: Watch


@dataclass
class Files(Dataset):
    """A source of files; those a person has put in the folder or archive ``path``, where set."""

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
    """Settings of DuckDB inside the process."""

    name: str
    threads: int | None
    memory_limit: str


@dataclass
class Pyspark:
    """Settings of Spark; ``spark`` nests its own: spark.master is ``{"master": …}``."""

    name: str
    spark: dict[str, Any]


@dataclass
class Wide:
    """Settings of the wide part."""

    crosses: list[str]
    buckets: int
    learning_rate: float
    l1: float
    l2: float


@dataclass
class Deep:
    """Settings of the deep part."""

    embedding: int
    attribute_embedding: int
    units: list[int]
    dropout: float
    learning_rate: float
    l2: float


@dataclass
class Model:
    """Which parts the model has; at least one."""

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
    weight: float


@dataclass
class Train:
    """Settings of the train stage."""

    seed: int
    threads: int | None
    batch_size: int
    epochs: int
    patience: int


@dataclass
class Evaluate:
    """Settings of the evaluate stage."""

    seed: int
    bootstrap: int
    max_baseline_ratings: int
    ranking_users: int


@dataclass
class Config:
    """All settings; a section per conf group, each stage reads its own."""

    dataset: Any  # the Settings of the module of pipeline.sources that dataset.source names
    clean: Clean
    features: Features
    engine: Any  # one of ENGINES, chosen by engine.name
    model: Model
    train: Train
    evaluate: Evaluate
    posterior: Posterior | None = None


ENGINES: dict[str, Any] = {"duckdb": Duckdb, "pyspark": Pyspark}


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to dotted keys, as on the command line; without those not set."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        elif value is not None:
            result[prefix + key] = json.dumps(value) if isinstance(value, list) else value
    return result
