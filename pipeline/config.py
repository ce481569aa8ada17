"""The settings: composed from conf/ by Hydra, locked in params.yaml, checked on every route."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.errors import UserError
from pipeline.hydra_plugins.from_root import from_root

ROOT = Path(__file__).resolve().parents[1]
PARAMS = ROOT / "params.yaml"


def home() -> Path:
    """Return the repository a person works in: also inside a queued experiment's temporary copy."""
    return Path(os.environ.get("DVC_ROOT", ROOT))


def from_home(path: str) -> Path:
    """Return a path of the settings as it is meant: a relative one counts from ``home``."""
    return home() / Path(path).expanduser()


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
class Synthetic(Dataset):
    """Settings of a generated data set."""

    seed: int
    users: int
    items: int
    ratings: int
    noise: float


@dataclass
class Local(Dataset):
    """Settings of a folder of files; see conf/dataset/local.yaml."""

    path: str
    test_scores: str | None


@dataclass
class Clean:
    """Settings of the clean stage."""

    max_rejected: float


@dataclass
class Features:
    """Settings of the features stage."""

    seed: int
    test_share: float
    valid_share: float
    min_ratings: int


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

    name: str
    wide: Wide | None = None
    deep: Deep | None = None


@dataclass
class Train:
    """Settings of the train stage."""

    seed: int
    batch_size: int
    epochs: int
    patience: int


@dataclass
class Evaluate:
    """Settings of the evaluate stage."""

    seed: int
    bootstrap: int


@dataclass
class Config:
    """All settings; a section per conf group, each stage reads its own."""

    dataset: Any  # one of DATASETS, chosen by dataset.source
    clean: Clean
    features: Features
    model: Model
    train: Train
    evaluate: Evaluate


DATASETS: dict[str, type[Dataset]] = {"synthetic": Synthetic, "local": Local}
CROSSES = ("item", "genres", "type", "source", "studios")
LIMITS: dict[str, tuple[float, float]] = {  # key: smallest and largest value allowed
    "dataset.seed": (0, 2**31),
    "clean.max_rejected": (0, 1),
    "features.seed": (0, 2**31),
    "features.test_share": (0.01, 0.9),
    "features.valid_share": (0.01, 0.9),
    "features.min_ratings": (1, 1_000_000),
    "model.wide.buckets": (1, 2**30),
    "model.wide.learning_rate": (1e-9, 100),
    "model.wide.l1": (0, 1e9),
    "model.wide.l2": (0, 1e9),
    "model.deep.embedding": (1, 4096),
    "model.deep.attribute_embedding": (1, 4096),
    "model.deep.dropout": (0, 0.99),
    "model.deep.learning_rate": (1e-9, 100),
    "model.deep.l2": (0, 1e9),
    "train.seed": (0, 2**31),
    "train.batch_size": (1, 2**24),
    "train.epochs": (1, 10_000),
    "train.patience": (1, 10_000),
    "evaluate.seed": (0, 2**31),
    "evaluate.bootstrap": (10, 100_000),
}


def load(path: Path = PARAMS) -> Config:
    """Read and check params.yaml.

    Raises:
        UserError: the file is missing or not YAML, or a key is unknown, missing, of a wrong type
            or out of range; the message names the key.
    """
    if not path.exists():
        raise UserError(f"{path} is missing; `python -m pipeline.compose` writes it from conf/.")
    try:
        settings = OmegaConf.load(path)
    except Exception as error:
        raise UserError(f"{path} is not readable as YAML: {error}") from error
    return check(settings)


def check(settings: Any) -> Config:
    """Turn plain settings into a Config, or say which key is wrong."""
    if not isinstance(settings, DictConfig):
        raise UserError("params.yaml: expected sections (dataset, clean, …), found something else.")
    source = OmegaConf.select(settings, "dataset.source")
    if source not in DATASETS:
        raise UserError(f"dataset.source: {source!r} is unknown; one of {', '.join(DATASETS)}.")
    try:
        schema = OmegaConf.structured(Config)
        schema.dataset = OmegaConf.structured(DATASETS[source])
        config = OmegaConf.to_object(OmegaConf.merge(schema, settings))
    except OmegaConfBaseException as error:
        problem = str(error).splitlines()[0]
        raise UserError(f"{error.full_key or 'params.yaml'}: {problem}") from error
    assert isinstance(config, Config)
    _check_values(config, settings)
    return config


def _check_values(config: Config, settings: DictConfig) -> None:
    for key, (low, high) in LIMITS.items():
        value = OmegaConf.select(settings, key)
        if value is not None and not low <= value <= high:
            raise UserError(f"{key}: {value} is out of range; allowed is {low} to {high}.")
    if config.model.wide is None and config.model.deep is None:
        raise UserError("model: needs a wide part, a deep part or both; try model=wide_deep.")
    for units in config.model.deep.units if config.model.deep else []:
        if units < 1:
            raise UserError(f"model.deep.units: {units} units are no layer; at least 1 each.")
    for cross in config.model.wide.crosses if config.model.wide else []:
        if cross not in CROSSES:
            raise UserError(f"model.wide.crosses: {cross!r} is unknown; any of {CROSSES}.")
    if isinstance(config.dataset, Local):
        expected = from_root(str(from_home(config.dataset.path)))
        if config.dataset.watch.data != expected:
            raise UserError(
                "params.yaml: dataset.path and dataset.watch disagree; it was edited by hand or "
                "comes from another machine. "
                f"Use `dvc exp run -S dataset=local -S dataset.path={config.dataset.path}`."
            )
