"""Runs in MLflow: where they go, what they carry, how two stages share one.

MLflow takes seconds to import, so functions import it.
"""

import hashlib
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from filelock import FileLock

from pipeline.errors import UserError
from pipeline.paths import FEATURES, home
from pipeline.settings.sections import Config, flat
from pipeline.tracking import origin, views

if TYPE_CHECKING:
    import mlflow

EXPERIMENT = "anime-ratings"
SQLITE = "sqlite:///"
BEST = "best_valid_mse"  # jobs are compared by this metric: the test rows decide nothing
MODEL_DIGEST = "model_digest"  # tag: the model that a run trained


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
def run(config: Config, model: str | None = None) -> Iterator["mlflow.ActiveRun"]:
    """Open a run with settings, data and origin, or continue the one that trained a model.

    An exception inside marks the run as failed.

    Args:
        config: all settings.
        model: digest of a model; its run is continued where the store has one with the same
            settings of evaluate, as settings of a run cannot change.
    """
    import mlflow

    connect()
    trained = _trained(config, model) if model else None
    if trained:
        tags = origin.process()
        with mlflow.start_run(run_id=trained, tags=tags, log_system_metrics=True) as active:
            yield active
        return
    close_dead()
    with mlflow.start_run(
        run_name=origin.run_name() or f"{config.model.name}-{config.dataset.source}",
        parent_run_id=os.environ.get(origin.SWEEP_RUN),
        tags=origin.origin() | origin.process(),
        description=describe(config),
        log_system_metrics=True,
    ) as active:
        mlflow.log_params(_params(config))
        mlflow.log_dict(asdict(config), "config.yaml")
        digests = {
            part: digest(FEATURES / f"{part}.parquet") for part in ("train", "valid", "test")
        }
        for part, value in digests.items():
            mlflow.log_input(_dataset(config, part, value), context=part)
        mlflow.set_tags({"dataset": config.dataset.source, "data": digests["train"]})
        if model:
            tag_model(model)
        yield active


def _params(config: Config) -> dict[str, Any]:
    return flat(asdict(config)) | {"model.name": config.model.name}


def _trained(config: Config, model: str) -> str | None:
    """Find the newest run of a model whose logged settings of evaluate are those of ``config``."""
    import mlflow

    query = f"tags.{MODEL_DIGEST} = '{model}'"
    if job := os.environ.get(origin.SWEEP_JOB):  # two jobs may train the same model
        query += f" and tags.job = '{job}'"
    settings = {k: str(v) for k, v in _params(config).items() if k.startswith("evaluate.")}
    for found in mlflow.search_runs(filter_string=query, output_format="list"):
        if settings.items() <= found.data.params.items():
            return str(found.info.run_id)
    return None


def tag_model(digest: str) -> None:
    """Tag the open run with the digest of the model that it is about."""
    import mlflow

    mlflow.set_tag(MODEL_DIGEST, digest)


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


def describe(config: Config, figures: Mapping[str, Any] | None = None) -> str:
    """Describe a run in Markdown, with its test figures once they are known."""
    draws = "" if config.posterior else ", the network alone,"
    text = f"**{config.model.name}**{draws} on **{config.dataset.source}** ratings."
    if figures:
        low, high = figures["ci95"]["mse"]
        text += (
            f" Test MSE **{figures['mse']:.4f}** ({low:.4f} to {high:.4f}),"
            f" {figures['gain_over_user_item_bias']:.1%} below user + item bias."
        )
    if origin.SWEEP_JOB in os.environ:
        text += "\n\n`python -m pipeline.promote NAME --run ID` makes it an experiment."
    return text


def close_dead() -> None:
    """Mark runs whose process on this machine is gone as killed: nothing else will."""
    import mlflow

    query = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
    alive = {
        f"{p.pid} {p.info['create_time'] or 0:.0f}" for p in psutil.process_iter(["create_time"])
    }
    for found in mlflow.search_runs(filter_string=query, output_format="list"):
        if found.data.tags["process"] not in alive:
            mlflow.MlflowClient().set_terminated(found.info.run_id, "KILLED")
