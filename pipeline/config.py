"""Load and check params.yaml, which Hydra composes from conf/."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from pipeline import sources
from pipeline.errors import UserError
from pipeline.paths import PARAMS
from pipeline.settings.limits import check_names, check_values
from pipeline.settings.sections import ENGINES, Config, Dataset, Files
from pipeline.tracking.store import check_environment

__all__ = ["Dataset", "Files", "check", "load"]  # Dataset, Files: base classes for new sources


RETURN = (
    "`git restore params.yaml` brings the committed settings back, `python -m pipeline.compose` "
    "the defaults."
)


def load(path: Path = PARAMS) -> Config:
    """Read and check what a stage is told: params.yaml, and where MLflow keeps runs.

    Raises:
        UserError: the file is missing or not YAML, or a key is unknown, missing, of a wrong type
            or out of range; the message names the key, and how to get back, as ``dvc exp run``
            leaves refused values in params.yaml. Or MLflow's variables name no usable store.
    """
    if not path.exists():
        raise UserError(f"{path} is missing; `python -m pipeline.compose` writes it from conf/.")
    try:
        settings = OmegaConf.load(path)
    except Exception as error:
        raise UserError(f"{path} is not readable as YAML: {error}. {RETURN}") from error
    if "${" in str(OmegaConf.to_container(settings)):  # it could tell variables, such as keys
        raise UserError(f"{path}: ${{…}} belongs in conf/; here are plain values. {RETURN}")
    try:
        config = check(settings)
    except UserError as error:
        raise UserError(f"{error} It is what {path} has now: {RETURN}") from error
    check_environment()
    return config


def check(settings: Any) -> Config:
    """Convert settings to a typed Config.

    Raises:
        UserError: as ``load`` does.
    """
    if not isinstance(settings, DictConfig):
        raise UserError("params.yaml: expected sections (dataset, clean, …) at the top level.")
    check_names(settings)
    source = sources.find(str(OmegaConf.select(settings, "dataset.source")))
    engine = OmegaConf.select(settings, "engine.name")
    if engine not in ENGINES:
        raise UserError(f"engine.name: {engine!r} is unknown; one of {', '.join(ENGINES)}.")
    try:
        schema = OmegaConf.structured(Config)
        schema.dataset = OmegaConf.structured(source.Settings)
        schema.engine = OmegaConf.structured(ENGINES[engine])
        converted = OmegaConf.merge(schema, settings)
        assert isinstance(converted, DictConfig)
        config = OmegaConf.to_object(converted)
    except MissingMandatoryValue as error:
        raise UserError(f"{error.full_key}: a value is missing.") from error
    except OmegaConfBaseException as error:
        problem = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"{error.full_key or 'params.yaml'}: {problem}.") from error
    assert isinstance(config, Config)
    check_values(config, converted)
    return config
