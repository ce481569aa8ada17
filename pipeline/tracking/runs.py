"""Runs in MLflow: where they go, what they carry, how two stages share one.

MLflow takes seconds to import, so it is imported where it is used.
"""

import hashlib
import json
import logging
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from filelock import FileLock

from pipeline.errors import UserError
from pipeline.paths import FEATURES, ROOT, home
from pipeline.settings.sections import Config, flat
from pipeline.tracking import views

if TYPE_CHECKING:
    import mlflow

EXPERIMENT = "anime-ratings"
SQLITE = "sqlite:///"
BEST = "best_valid_mse"  # what jobs are compared by: the test rows decide nothing
# In the environment of a sweep: its run and the keys that are swept; of a job: its identity,
# overrides, and what decides whether it is stopped early. Lists and dicts are JSON.
SWEEP_RUN, SWEEP_KEYS = "SWEEP_RUN", "SWEEP_KEYS"
SWEEP_JOB, SWEEP_OVERRIDES, SWEEP_PRUNER = "SWEEP_JOB", "SWEEP_OVERRIDES", "SWEEP_PRUNER"


def store() -> str:
    """Return the tracking URI: MLFLOW_TRACKING_URI, or a sqlite file in the repository.

    A relative file counts from the repository: a queued experiment runs in a temporary folder,
    and its runs would vanish with it.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", f"{SQLITE}mlflow.db")
    return f"{SQLITE}{home() / uri.removeprefix(SQLITE)}" if uri.startswith(SQLITE) else uri


def connect() -> None:
    """Point MLflow to the store and the experiment, and make both where they are missing.

    Raises:
        UserError: the store cannot be used.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "5")  # seconds
    import mlflow
    from mlflow.exceptions import MlflowException

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)

    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    mlflow.set_tracking_uri(store())
    folder = (home() / "mlruns").as_uri() if store().startswith(SQLITE) else None
    with FileLock(home() / "mlflow.db.lock"):  # two processes at once break a fresh sqlite store
        try:
            if mlflow.get_experiment_by_name(experiment) is None:
                tags = views.experiment_tags()
                mlflow.create_experiment(experiment, artifact_location=folder, tags=tags)
            mlflow.set_experiment(experiment)
        except (MlflowException, OSError) as error:
            raise UserError(
                f"MLflow's store {store()} cannot be used ({error}); check MLFLOW_TRACKING_URI."
            ) from error


@contextmanager
def run(config: Config, resume: str | None = None) -> Iterator["mlflow.ActiveRun"]:
    """Open a run that carries settings, data and origin, or go on with the run ``resume``.

    A run that the store does not know, because it was made on another machine, is opened anew.
    An exception inside marks the run as failed.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    connect()
    try:
        known = resume is not None and mlflow.get_run(resume) is not None
    except MlflowException:
        known = False
    if known:
        with mlflow.start_run(run_id=resume, tags=process(), log_system_metrics=True) as active:
            yield active
        return
    close_dead()
    given = job_name() or os.environ.get("DVC_EXP_NAME")
    name = given or f"{config.model.name}-{config.dataset.source}"
    with mlflow.start_run(
        run_name=name,
        parent_run_id=os.environ.get(SWEEP_RUN),
        tags=origin() | process(),
        description=describe(config),
        log_system_metrics=True,
    ) as active:
        mlflow.log_params(flat(asdict(config)))
        mlflow.log_dict(asdict(config), "config.yaml")
        digests = {
            part: digest(FEATURES / f"{part}.parquet") for part in ("train", "valid", "test")
        }
        for part, value in digests.items():
            mlflow.log_input(_dataset(config, part, value), context=part)
        mlflow.set_tags({"dataset": config.dataset.source, "data": digests["train"]})
        yield active


def job_name() -> str:
    """Name the job of a sweep that is at work by what it overrides of what is swept."""
    overrides = json.loads(os.environ.get(SWEEP_OVERRIDES, "[]"))
    keys = json.loads(os.environ.get(SWEEP_KEYS, "[]"))
    pairs = [override.split("=", 1) for override in overrides]
    swept = [pair for pair in pairs if pair[0] in keys]
    return " ".join(f"{key}={shortened(value)}" for key, value in swept or pairs)


def shortened(text: str) -> str:
    """Write a number of many digits, as a search chooses them, with four; let other texts be."""
    try:
        return text if len(text) < 8 else f"{float(text):.4g}"
    except ValueError:
        return text


def digest(path: Path) -> str:
    """Return the first 12 hexadecimal digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _dataset(config: Config, part: str, value: str) -> Any:
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.data.sources import LocalArtifactDatasetSource

    own = FEATURES.is_symlink()  # a sweep's tables are in a cache; an experiment's go to the home
    folder = FEATURES.resolve() if own else home() / FEATURES
    source = LocalArtifactDatasetSource(str(folder / f"{part}.parquet"))
    return MetaDataset(source, name=f"{config.dataset.source}-{part}", digest=value)


def process() -> dict[str, str]:
    """Tell which process is at work, so that a run can be closed once it is gone."""
    own = psutil.Process()
    return {"host": socket.gethostname(), "process": f"{own.pid} {own.create_time():.0f}"}


def describe(config: Config, figures: Mapping[str, Any] | None = None) -> str:
    """Tell in Markdown what a run is, and what came of it if that is known."""
    draws = "" if config.posterior else ", the network alone,"
    text = f"**{config.model.name}**{draws} on **{config.dataset.source}** ratings."
    if figures:
        low, high = figures["ci95"]["mse"]
        text += (
            f" Test MSE **{figures['mse']:.4f}** ({low:.4f} to {high:.4f}),"
            f" {figures['gain_over_user_item_bias']:.1%} below user + item bias."
        )
    if SWEEP_JOB in os.environ:
        text += "\n\n`python -m pipeline.promote NAME --run ID` makes it an experiment."
    return text


def close_dead() -> None:
    """Mark runs as killed whose process on this machine is gone: nobody else will."""
    import mlflow

    query = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
    alive = {
        f"{p.pid} {p.info['create_time'] or 0:.0f}" for p in psutil.process_iter(["create_time"])
    }
    for found in mlflow.search_runs(filter_string=query, output_format="list"):
        if found.data.tags["process"] not in alive:
            mlflow.MlflowClient().set_terminated(found.info.run_id, "KILLED")


def code() -> dict[str, str]:
    """Tell which code is at work."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    return {
        "git_commit": git("rev-parse", "HEAD"),
        "git_dirty": str(bool(git("status", "--porcelain", "-uno"))),
    }


def origin() -> dict[str, str]:
    """Tell which code made a run, and by which of the three ways."""
    tags = code()
    if job := os.environ.get(SWEEP_JOB):
        overrides = os.environ[SWEEP_OVERRIDES]
        return tags | {"route": "hydra sweep", "job": job, "overrides": overrides}
    if experiment := os.environ.get("DVC_EXP_NAME"):
        return tags | {"route": "dvc exp", "dvc_exp": experiment}
    return tags | {"route": "dvc repro" if "DVC_STAGE" in os.environ else "python"}
