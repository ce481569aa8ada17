"""Allowed values of settings, beyond what their types check."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pipeline.errors import UserError
from pipeline.paths import from_home
from pipeline.plugins.hydra_plugins.from_root import from_root
from pipeline.settings.cluster import STRATEGIES
from pipeline.settings.sections import Config, Duckdb, Files, Model, Posterior

SPLITS = ("auto", "random", "per_user", "cold_user", "cold_item", "predefined", "temporal")
ATTRIBUTES = ("genres", "type", "source", "studios", "episodes", "year", "ratings")
CROSSES = ("item", *ATTRIBUTES)
MEMBERS = ("normal", "grades", "grades_common")
MEMORY = re.compile(r"\d+(\.\d+)? ?([kmgt]i?)?b", re.IGNORECASE)  # as DuckDB parses it
RENAMED = {  # keys of earlier versions: what to do with them
    "model.name": "remove it; it follows from the parts that model has",
    "features.min_titles": "it is called features.min_titles_per_value now",
    "posterior.history": "it is called posterior.history_components now",
    "model.wide.learning_rate": "it is train.learning_rate now, for both parts",
    "model.wide.l1": "remove it; the wide part has only l2 now",
    "model.deep.learning_rate": "it is train.learning_rate now, for both parts",
    "model.deep.l2": "remove it; the priors of the weights are learned",
    "model.deep.attribute_embedding": "remove it; attributes are in the vectors of titles now",
    "posterior.weight": "remove it; it is fitted to the validation rows",
    "train.patience": "remove it; the learning rate falls to 0 over all of train.epochs",
    "evaluate.sample": "it is called evaluate.max_baseline_ratings now",
}
CHOICES = {  # key: allowed values
    "features.split": SPLITS,
    "train.strategy": STRATEGIES,
    "train.precision": ("float32", "mixed_bfloat16"),
}
LIMITS: dict[str, tuple[float, float]] = {  # key: smallest and largest allowed value
    "dataset.min_rating": (-1000, 1000),
    "dataset.max_rating": (-1000, 1000),
    "clean.max_rejected": (0, 1),
    "features.seed": (0, 2**31),
    "features.test_share": (0.01, 0.9),
    "features.valid_share": (0.01, 0.9),
    "features.min_ratings": (1, 1_000_000),
    "features.min_titles_per_value": (1, 1_000_000),
    "engine.threads": (1, 4096),
    "model.wide.buckets": (1, 2**30),
    "model.wide.l2": (0, 1e9),
    "model.wide.neighbours": (0, 100),
    "model.wide.watch_crosses": (1, 10_000),
    "model.wide.watch_l2": (1e-3, 1e9),
    "model.deep.embedding": (1, 4096),
    "model.deep.history_components": (1, 4096),
    "model.deep.dropout": (0, 0.99),
    "posterior.embedding": (1, 512),
    "posterior.history_components": (1, 4096),
    "posterior.sweeps": (2, 100_000),
    "posterior.burn_in": (0, 100_000),
    "posterior.keep_every": (1, 1000),
    "train.seed": (0, 2**31),
    "train.threads": (1, 4096),
    "train.batch_size": (1, 2**24),
    "train.epochs": (1, 10_000),
    "train.learning_rate": (1e-9, 100),
    "train.divergence_weight": (0, 1000),
    "evaluate.seed": (0, 2**31),
    "evaluate.bootstrap": (10, 100_000),
    "evaluate.max_baseline_ratings": (1000, 2**31),
    "evaluate.ranking_users": (1, 1_000_000),
}


def check_names(settings: DictConfig) -> None:
    """Refuse keys that earlier versions had.

    Raises:
        UserError: the first such key, and what to do with it.
    """
    for key, advice in RENAMED.items():
        section, _, name = key.rpartition(".")
        values = OmegaConf.select(settings, section)
        if isinstance(values, Mapping) and name in values:
            raise UserError(f"{key} is a setting of an earlier version: {advice}.")


def check_values(config: Config, settings: DictConfig) -> None:
    """Refuse values that are out of range, unknown, or inconsistent with each other.

    Args:
        config: the typed settings.
        settings: the same settings by key.

    Raises:
        UserError: the first such value; the message names the key and what is allowed.
    """
    for key, (low, high) in LIMITS.items():
        value = OmegaConf.select(settings, key)
        if value is not None and not low <= value <= high:
            raise UserError(f"{key}: {value} is out of range; allowed is {low} to {high}.")
    if config.dataset.min_rating >= config.dataset.max_rating:
        raise UserError("dataset.min_rating: must be below dataset.max_rating.")
    for key, allowed in CHOICES.items():
        value = OmegaConf.select(settings, key)
        if value not in allowed:
            raise UserError(f"{key}: {value!r} is unknown; any of {allowed}.")
    if isinstance(config.engine, Duckdb):
        _check_memory(config.engine.memory_limit)
    _check_model(config.model)
    if config.posterior:
        _check_posterior(config.posterior)
    if isinstance(config.dataset, Files):
        _check_watch(config.dataset)


def _check_memory(limit: str) -> None:
    if not MEMORY.fullmatch(limit) or float(re.split("[ a-zA-Z]", limit)[0]) == 0:
        raise UserError(f"engine.memory_limit: {limit!r} is not an amount of memory, such as 2GB.")


def _check_model(model: Model) -> None:
    if model.wide is None and model.deep is None:
        raise UserError("model: needs a wide part, a deep part or both; try model=wide_deep.")
    for units in model.deep.units if model.deep else []:
        if units < 1:
            raise UserError(f"model.deep.units: a layer has at least 1 unit, not {units}.")
    if model.wide:
        _check_choices("model.wide.crosses", model.wide.crosses, CROSSES)
    if model.deep:
        _check_choices("model.deep.attributes", model.deep.attributes, ATTRIBUTES)


def _check_posterior(settings: Posterior) -> None:
    _check_choices("posterior.members", settings.members, MEMBERS)
    if not settings.members:
        raise UserError(f"posterior.members: one or more of {MEMBERS}; or use posterior=none.")
    _check_choices("posterior.attributes", settings.attributes, ATTRIBUTES)
    _check_choices("posterior.crosses", settings.crosses, ATTRIBUTES)
    for cross in settings.crosses:
        if cross not in settings.attributes:
            raise UserError(f"posterior.crosses: {cross!r} must be in posterior.attributes too.")
    if settings.burn_in + settings.keep_every > settings.sweeps:
        raise UserError(
            "posterior.sweeps: no draw would be kept; more sweeps than posterior.burn_in and "
            "posterior.keep_every together are needed."
        )


def _check_choices(key: str, values: Sequence[Any], choices: Sequence[str]) -> None:
    """Refuse a value that is unknown or repeated."""
    for position, value in enumerate(values):
        if value not in choices:
            raise UserError(f"{key}: {value!r} is unknown; any of {tuple(choices)}.")
        if value in values[:position]:
            raise UserError(f"{key}: {value!r} is listed twice.")


def _check_watch(dataset: Files) -> None:
    """Refuse a path other than the one DVC watches: DVC would not notice changed files."""
    if dataset.path is None:
        return
    path = Path(from_root(str(from_home(dataset.path))))
    if not path.is_relative_to(dataset.watch.data):
        raise UserError(
            "params.yaml: dataset.path and dataset.watch disagree; it was edited by hand or "
            "comes from another machine. Overrides of `dvc exp run` set both: "
            f"-S dataset=NAME -S dataset.path={dataset.path}"
        )
