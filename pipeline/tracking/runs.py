"""Runs in MLflow: the store, what each run records, how train and evaluate share one.

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
from pipeline.files import ends
from pipeline.paths import FEATURES, home
from pipeline.settings.sections import Config, flat
from pipeline.tracking import origin, store, views

if TYPE_CHECKING:
    import mlflow
    from mlflow.entities import Experiment

MODEL_DIGEST = "model_digest"  # tag by which evaluate finds the run that trained a model


def connect() -> "Experiment":
    """Point MLflow at the store and the experiment; create them if they do not exist.

    Returns:
        The experiment that runs belong to.

    Raises:
        UserError: MLflow's variables or the store cannot be used.
    """
    store.check_environment()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "5")  # seconds
    import mlflow
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)

    number = os.environ.get(store.ID)
    name = os.environ.get(store.NAME, store.EXPERIMENT)
    mlflow.set_tracking_uri(store.store())
    folder = (home() / "mlruns").as_uri() if store.local() else None
    try:
        with FileLock(home() / "mlflow.db.lock"):  # two processes at once break a fresh store
            if not number and mlflow.get_experiment_by_name(name) is None:
                tags = views.experiment_tags()
                mlflow.create_experiment(name, artifact_location=folder, tags=tags)
            return mlflow.set_experiment(None if number else name, number)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        wanted = f"{store.ID}={number}" if number else f"the experiment {name!r}"
        raise UserError(
            f"MLflow's store {store.shown(store.store())} cannot be used for {wanted} ({reason}); "
            f"check {store.URI}, {store.NAME} and {store.ID}."
        ) from error
    finally:
        if not number:  # MLflow sets it, as if the user had
            os.environ.pop(store.ID, None)


@contextmanager
def run(config: Config, model: str | None = None) -> Iterator["mlflow.ActiveRun"]:
    """Open a run and log settings, data and origin; or resume the run that trained a model.

    An exception inside marks the run as failed.

    Args:
        config: all settings.
        model: digest of a model. Its run is resumed if the store has one with these settings of
            evaluate; with others a new run is opened, as MLflow's params cannot change.
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
    """Return the id of the newest run of a model with the settings of evaluate in ``config``."""
    import mlflow

    query = f"tags.{MODEL_DIGEST} = '{model}'"
    if job := os.environ.get(origin.SWEEP_JOB):  # two jobs may train the same model
        query += f" and tags.job = '{job}'"
    settings = {k: str(v) for k, v in _params(config).items() if k.startswith("evaluate.")}
    for other in mlflow.search_runs(filter_string=query, output_format="list"):
        if settings.items() <= other.data.params.items():
            return str(other.info.run_id)
    return None


def tag_model(digest: str) -> None:
    """Tag the open run with the digest of the model that it trained or evaluates."""
    import mlflow

    mlflow.set_tag(MODEL_DIGEST, digest)


def digest(path: Path) -> str:
    """Return the first 12 hexadecimal digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _dataset(config: Config, part: str, value: str) -> Any:
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.data.sources import LocalArtifactDatasetSource

    # Log a path that stays: the tables of a sweep's job are links into a cache; those of a queued
    # experiment are in a temporary folder, and DVC can check them out in the repository.
    folder = FEATURES.resolve() if FEATURES.is_symlink() else home() / FEATURES
    source = LocalArtifactDatasetSource(str(folder / f"{part}.parquet"))
    return MetaDataset(source, name=f"{config.dataset.source}-{part}", digest=value)


def describe(config: Config, figures: Mapping[str, Any] | None = None) -> str:
    """Describe a run in Markdown, with its test MSE if ``figures`` of evaluate are given."""
    alone = "" if config.posterior else ", the network alone,"
    text = f"**{config.model.name}**{alone} on **{config.dataset.source}** ratings."
    if figures:
        interval, gain = ends(figures["ci95"]["mse"]), figures["gain_over_user_item_bias"]
        text += f" Test MSE **{figures['mse']:.4f}** ({interval})"
        text += "." if gain is None else f", {gain:.1%} below user + item bias."
    if origin.SWEEP_JOB in os.environ:
        text += "\n\n`python -m pipeline.promote NAME --run ID` writes it to conf/experiment/."
    return text


def close_dead() -> None:
    """Mark the running runs of dead processes on this machine as killed; MLflow does not."""
    import mlflow

    query = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
    alive = {
        f"{p.pid} {p.info['create_time'] or 0:.0f}" for p in psutil.process_iter(["create_time"])
    }
    for other in mlflow.search_runs(filter_string=query, output_format="list"):
        if other.data.tags["process"] not in alive:
            mlflow.MlflowClient().set_terminated(other.info.run_id, "KILLED")
