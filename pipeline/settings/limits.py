"""Which values settings may have, where their type alone does not say it."""

from omegaconf import DictConfig, OmegaConf

from pipeline.errors import UserError
from pipeline.paths import from_home
from pipeline.plugins.hydra_plugins.from_root import from_root
from pipeline.settings.sections import Config, Files, Posterior

SPLITS = ("auto", "random", "per_user", "cold_user", "cold_item", "predefined", "temporal")
CROSSES = ("item", "genres", "type", "source", "studios")
MEMBERS = ("normal", "grades", "grades_common")
LIMITS: dict[str, tuple[float, float]] = {  # key: smallest and largest value allowed
    "dataset.min_rating": (-100, 100),  # they are kept in a byte
    "dataset.max_rating": (-100, 100),
    "clean.max_rejected": (0, 1),
    "features.seed": (0, 2**31),
    "features.test_share": (0.01, 0.9),
    "features.valid_share": (0.01, 0.9),
    "features.min_ratings": (1, 1_000_000),
    "features.min_titles": (1, 1_000_000),
    "engine.threads": (1, 4096),
    "model.wide.buckets": (1, 2**30),
    "model.wide.learning_rate": (1e-9, 100),
    "model.wide.l1": (0, 1e9),
    "model.wide.l2": (0, 1e9),
    "model.deep.embedding": (1, 4096),
    "model.deep.attribute_embedding": (1, 4096),
    "model.deep.dropout": (0, 0.99),
    "model.deep.learning_rate": (1e-9, 100),
    "model.deep.l2": (0, 1e9),
    "posterior.embedding": (1, 512),
    "posterior.history": (1, 4096),
    "posterior.sweeps": (2, 100_000),
    "posterior.burn_in": (0, 100_000),
    "posterior.keep_every": (1, 1000),
    "posterior.weight": (0, 1),
    "train.seed": (0, 2**31),
    "train.threads": (1, 4096),
    "train.batch_size": (1, 2**24),
    "train.epochs": (1, 10_000),
    "train.patience": (1, 10_000),
    "evaluate.seed": (0, 2**31),
    "evaluate.bootstrap": (10, 100_000),
    "evaluate.sample": (1000, 2**31),
    "evaluate.ranking_users": (1, 1_000_000),
}


def check_values(config: Config, settings: DictConfig) -> None:
    """Refuse a value that cannot be meant.

    Raises:
        UserError: the first such value; the message names the key and what is allowed.
    """
    for key, (low, high) in LIMITS.items():
        value = OmegaConf.select(settings, key)
        if value is not None and not low <= value <= high:
            raise UserError(f"{key}: {value} is out of range; allowed is {low} to {high}.")
    if config.dataset.min_rating >= config.dataset.max_rating:
        raise UserError("dataset.min_rating: must be below dataset.max_rating.")
    if config.features.split not in SPLITS:
        raise UserError(f"features.split: {config.features.split!r} is unknown; any of {SPLITS}.")
    if config.model.wide is None and config.model.deep is None:
        raise UserError("model: needs a wide part, a deep part or both; try model=wide_deep.")
    for units in config.model.deep.units if config.model.deep else []:
        if units < 1:
            raise UserError(f"model.deep.units: {units} units are no layer; at least 1 each.")
    for cross in config.model.wide.crosses if config.model.wide else []:
        if cross not in CROSSES:
            raise UserError(f"model.wide.crosses: {cross!r} is unknown; any of {CROSSES}.")
    if config.posterior:
        _check_posterior(config.posterior)
    if isinstance(config.dataset, Files) and config.dataset.path is not None:
        expected = from_root(str(from_home(config.dataset.path)))
        if config.dataset.watch.data != expected:
            raise UserError(
                "params.yaml: dataset.path and dataset.watch disagree; it was edited by hand or "
                "comes from another machine. Overrides of `dvc exp run` set both: "
                f"-S dataset=NAME -S dataset.path={config.dataset.path}"
            )


def _check_posterior(settings: Posterior) -> None:
    for member in settings.members or [""]:
        if member not in MEMBERS:
            raise UserError(f"posterior.members: {member!r} is unknown; one or more of {MEMBERS}.")
    for cross in settings.crosses:
        if cross not in CROSSES[1:]:
            raise UserError(f"posterior.crosses: {cross!r} is unknown; any of {CROSSES[1:]}.")
    if settings.burn_in + settings.keep_every > settings.sweeps:
        raise UserError(
            "posterior.sweeps: no draw would be kept; more sweeps than posterior.burn_in and "
            "posterior.keep_every together are needed."
        )
