"""Train and evaluate with Hydra: one job, or with ``--multirun`` one for each combination.

    python -m pipeline.sweep --multirun model=wide,deep train.seed=1,2 hydra/launcher=parallel

Each job works in a folder of its own; the workspace's data/, models/ and metrics/ stay as they are.
Its run is a child of the sweep's in MLflow. The same sweep again does what is not done yet.
"""

import contextlib
import logging
import math
import os
import shutil
import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from pipeline.compose import PLUGINS
from pipeline.config import check
from pipeline.errors import UserError
from pipeline.files import replace_text
from pipeline.paths import PARAMS, ROOT
from pipeline.sweeps import runs, stage_cache
from pipeline.sweeps.pruning import HopelessError, watching
from pipeline.tracking.origin import SWEEP_RUN

JOBS = ROOT / ".dvc" / "tmp" / "jobs"  # where jobs work

inherited = filter(None, [PLUGINS, os.environ.get("PYTHONPATH")])
os.environ["PYTHONPATH"] = os.pathsep.join(inherited)  # for jobs on other machines
logging.getLogger("alembic").setLevel(logging.WARNING)  # names its plugins at import


@hydra.main(version_base=None, config_path="../conf", config_name="config")
def job(settings: DictConfig) -> float:
    """Run one job.

    Returns:
        The validation MSE: what a search minimises, so that the test rows decide nothing. Infinite
        where the settings cannot be used; what is wrong with them is told on stderr.
    """
    overrides = OmegaConf.to_container(HydraConfig.get().overrides.task)
    assert isinstance(overrides, list)
    try:
        return work(overrides, settings)
    except UserError as error:
        print(f"error: {' '.join(overrides)}: {error}", file=sys.stderr, flush=True)
        return math.inf


def work(overrides: list[str], settings: DictConfig) -> float:
    """Train and evaluate in a folder of the job's own, or find that this was done before."""
    plain = OmegaConf.to_container(settings, resolve=True)
    origins = stage_cache.origins(DictConfig(plain))
    identity = runs.identify([origins, plain])
    before = runs.finished(identity)
    if before is not None:
        return before
    from pipeline import evaluate, train

    folder = JOBS / identity
    folder.mkdir(parents=True, exist_ok=True)
    pruner = HydraConfig.get().callbacks["mlflow"].pruner
    curve = "draws_valid_mse" if settings.get("posterior") else "valid_mse"
    with contextlib.chdir(folder), runs.child(overrides, identity), watching(pruner, curve):
        check(settings)
        replace_text(PARAMS, OmegaConf.to_yaml(settings, resolve=True))
        stage_cache.provide(origins)
        try:
            found = train.main()["valid_mse"]
            evaluate.main()
        except HopelessError as stopped:
            found = stopped.best
    shutil.rmtree(folder)  # all of it is in MLflow
    import keras  # not before pipeline.model has set TensorFlow up

    keras.utils.clear_session()  # frees what the graphs of this job hold
    return found


def main() -> None:
    """Run the jobs, and close the sweep however they end."""
    status, failed = "FINISHED", []
    try:
        job()
    except KeyboardInterrupt:
        status = "KILLED"
    finally:
        if SWEEP_RUN in os.environ:
            failed = runs.close(status)
    again = "The same call again does what is not done."
    if status == "KILLED":
        sys.exit(f"stopped. {again}")
    if failed:
        sys.exit(f"error: no figures of {'; '.join(failed)}. {again}")


if __name__ == "__main__":
    main()
