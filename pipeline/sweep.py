"""Train and evaluate with Hydra: one job, or with ``--multirun`` one for each combination.

    python -m pipeline.sweep --multirun model=wide,deep train.seed=1,2 hydra/launcher=parallel

Each job works in its own folder; data/, models/ and metrics/ of the workspace do not change. In
MLflow its run is a child of the sweep's run. Running the same sweep again runs only missing jobs.
"""

import contextlib
import logging
import math
import os
import shutil
import sys
import traceback
from pathlib import Path

import hydra
from filelock import FileLock
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.compose import PLUGINS
from pipeline.config import check
from pipeline.errors import exit_on_user_error
from pipeline.files import replace_text
from pipeline.files.stage import alone, refused
from pipeline.paths import PARAMS, ROOT
from pipeline.sweeps import runs, stage_cache
from pipeline.sweeps.pruning import PrunedError, watching
from pipeline.sweeps.targets import check_targets
from pipeline.tracking.objective import Objective, named
from pipeline.tracking.origin import SWEEP_RUN
from pipeline.tracking.store import check_environment

JOBS = ROOT / ".dvc" / "tmp" / "jobs"  # parent of the folders that jobs work in

# Jobs on other machines find the plugins by it.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [PLUGINS, os.environ.get("PYTHONPATH")]))
logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs its plugins at import


@hydra.main(version_base=None, config_path="../conf", config_name="config")
def job(settings: DictConfig) -> float:
    """Run one job.

    Returns:
        What a search minimises: the validation MSE, or minus the NDCG of the validation rows'
        lists. The test rows must not select anything. Infinite where settings are invalid; the
        error is printed to stderr.
    """
    overrides = OmegaConf.to_container(HydraConfig.get().overrides.task)
    assert isinstance(overrides, list)
    try:
        return work(overrides, settings)
    except Exception as error:
        if (said := refused(error)) is None:
            raise
        text = f"error: {' '.join(overrides)}: {said}"
        if HydraConfig.get().mode == RunMode.RUN:
            sys.exit(text)
        print(text, file=sys.stderr, flush=True)
        return math.inf


def identified(settings: DictConfig) -> tuple[str, dict[str, str]]:
    """Return the digest of a job and the cache keys of its stages; no keys for wrong settings."""
    try:
        plain = OmegaConf.to_container(settings, resolve=True)
        keys = stage_cache.stage_keys(DictConfig(plain))
    except OmegaConfBaseException:
        return runs.identify(OmegaConf.to_container(settings)), {}
    return runs.identify([keys, plain]), keys


def work(overrides: list[str], settings: DictConfig) -> float:
    """Train and evaluate in the folder of the job, or return the result of an earlier call."""
    identity, keys = identified(settings)
    callback = HydraConfig.get().callbacks["mlflow"]
    by = named(callback.objective)
    JOBS.mkdir(parents=True, exist_ok=True)
    with FileLock(JOBS / f"{identity}.lock"):  # the same sweep may run twice at once
        value = runs.earlier_value(identity, by)
        if value is None:
            with contextlib.chdir(folder_of(identity)), runs.child(overrides, identity):
                value = result(settings, keys, by, callback.pruner)
            shutil.rmtree(JOBS / identity)  # its results are in MLflow
    return by.loss(value)


def folder_of(identity: str) -> Path:
    """Return the folder that a job works in; an earlier call may have left a checkpoint there."""
    folder = JOBS / identity
    folder.mkdir(exist_ok=True)
    return folder


def result(
    settings: DictConfig, keys: dict[str, str], by: Objective, pruner: DictConfig | None
) -> float:
    """Run the stages in the present folder; return the figure that ranks the job."""
    from pipeline import evaluate, train

    curve = "draws_valid_mse" if settings.get("posterior") else "valid_mse"
    with alone(), watching(pruner, curve):
        check(settings)
        replace_text(PARAMS, OmegaConf.to_yaml(settings, resolve=True))
        stage_cache.provide(keys)
        try:
            value = train.main()[by.figure]
            evaluate.main()
        except PrunedError as pruned:
            value = pruned.best
    import keras  # here, as pipeline.model must configure TensorFlow before

    keras.utils.clear_session()  # frees the memory of this job's graphs
    return value


def main() -> None:
    """Run the jobs, and close the sweep's run even if they fail."""
    exit_on_user_error(check_environment)
    exit_on_user_error(lambda: check_targets(sys.argv[1:]))
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra passes its errors on
    status, failed = "FINISHED", []
    try:
        job()
    except KeyboardInterrupt:
        status = "KILLED"
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        if any(frame.name == "run_job" for frame in traceback.extract_tb(error.__traceback__)):
            raise  # a job's own
        sys.exit(f"error: {error}")
    finally:
        if SWEEP_RUN in os.environ:
            failed = runs.close(status)
    again = "The same command runs the missing jobs."
    if status == "KILLED":
        sys.exit(f"stopped. {again}")
    if failed:
        sys.exit(f"error: jobs without a result: {'; '.join(failed)}. {again}")


if __name__ == "__main__":
    exit_on_user_error(main)
