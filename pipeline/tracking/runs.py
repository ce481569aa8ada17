"""Runs in MLflow: what each run records, how train and evaluate share one.

MLflow takes seconds to import, so functions import it.
"""

import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from pipeline.errors import UserError
from pipeline.files import ends
from pipeline.paths import FEATURES, home
from pipeline.settings.sections import Config, flat
from pipeline.tracking import connection, origin, reach, sender, spool, store
from pipeline.tracking.address import shown

if TYPE_CHECKING:
    import mlflow
    from mlflow.entities import Run

MODEL_DIGEST = "model_digest"  # tag by which evaluate finds the run that trained a model
JOB = "job"  # tag with the digest of a sweep's job
LINGER = 40.0  # seconds; longer than a request may take


@contextmanager
def run(config: Config, model: str | None = None) -> Iterator["mlflow.ActiveRun"]:
    """Open a run and log settings, data and origin; or resume the run that trained a model.

    An exception inside marks the run as failed. While the store is a server, the run is logged to
    the spool and sent from there.

    Args:
        config: all settings.
        model: digest of a model. Its run is resumed if the store has one with these settings of
            evaluate; with others a new run is opened, as MLflow's params cannot change.

    Raises:
        UserError: the store cannot be used, or not any more.
    """
    opened = _in_spool if store.remote() else _in_store
    with connection.told(), opened(config, model) as active:
        yield active


@contextmanager
def _in_store(config: Config, model: str | None) -> Iterator["mlflow.ActiveRun"]:
    number = connection.connect().experiment_id
    trained = _trained(number, config, model) if model else None
    if not trained:
        close_dead(number)
    with _opened(config, model, trained.info.run_id if trained else None) as active:
        yield active


@contextmanager
def _in_spool(config: Config, model: str | None) -> Iterator["mlflow.ActiveRun"]:
    """Open a run in the spool; resume one that has not been sent, or continue a server's run."""
    import mlflow

    server = store.store()
    connection.prepare()
    number = _experiment_of(server)
    spooled = _waiting(config, model, shown(server)) if model else None
    before = spooled.run() if spooled else None
    if not spooled:
        trained = _trained(number, config, model) if model and number else None
        if number and not trained:
            close_dead(number)
        spooled = spool.create(shown(server), *store.experiment())
        before = _continued(spooled, trained) if trained else None
    connection.use(spooled.uri, spooled.experiment)
    sending = sender.Sender(spooled, server)
    sending.start()
    try:
        with _opened(config, model, before.info.run_id if before else None) as active:
            yield active
    finally:
        if ended := spooled.run():
            spooled.write(**{tag: ended.data.tags.get(tag) for tag in (MODEL_DIGEST, JOB)})
        sending.finish()
        mlflow.set_tracking_uri(server)


def _experiment_of(server: str) -> str | None:
    """Return the id of the experiment on a server; None while that does not answer."""
    try:
        return str(connection.connect().experiment_id)
    except UserError:
        if reach.trouble(server, sender.BRIEF):
            return None
        return str(connection.connect().experiment_id)  # it may just have been started again


def _waiting(config: Config, model: str, server: str) -> spool.Spooled | None:
    """Claim the run that trained a model, if it has not been sent."""
    job = os.environ.get(origin.SWEEP_JOB)
    for spooled in spool.pending(server):
        note = spooled.note
        # The stage before may be at it until its last request times out.
        ours = note.get(MODEL_DIGEST) == model and job in (None, note.get(JOB))
        if ours and spooled.claim(LINGER):
            found = spooled.run()
            if found and _evaluated_so(found, config):
                return spooled
            spooled.release()
    return None


def _continued(spooled: spool.Spooled, trained: "Run") -> "Run":
    """Make a run in the spool that continues one of the server."""
    import mlflow

    spooled.write(run=trained.info.run_id)
    client, there = spooled.client(), mlflow.MlflowClient()
    made = client.create_run(spooled.experiment, run_name=trained.info.run_name)
    if system := [name for name in trained.data.metrics if name.startswith("system/")]:
        last = max(there.get_metric_history(trained.info.run_id, system[0]), key=lambda p: p.step)
        client.log_batch(made.info.run_id, [last])  # MLflow counts the steps on from here
    return made


@contextmanager
def _opened(config: Config, model: str | None, resumed: str | None) -> Iterator["mlflow.ActiveRun"]:
    """Open a new run where MLflow points to, or resume one by its id."""
    import mlflow

    if resumed:
        tags = origin.process()
        with mlflow.start_run(run_id=resumed, tags=tags, log_system_metrics=True) as active:
            yield active
        return
    with mlflow.start_run(
        run_name=origin.run_name() or f"{config.model.name}-{config.dataset.source}",
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


def _trained(number: str, config: Config, model: str) -> "Run | None":
    """Return the newest run of a model with the settings of evaluate in ``config``.

    Args:
        number: id of the experiment in the store that MLflow points at.
        config: all settings.
        model: digest of the model.
    """
    import mlflow

    query = f"tags.{MODEL_DIGEST} = '{model}'"
    if job := os.environ.get(origin.SWEEP_JOB):  # two jobs may train the same model
        query += f" and tags.{JOB} = '{job}'"
    found = mlflow.MlflowClient().search_runs([number], query)
    return next((run for run in found if _evaluated_so(run, config)), None)


def _evaluated_so(run: "Run", config: Config) -> bool:
    """Whether a run has the settings of evaluate in ``config``."""
    settings = {k: str(v) for k, v in _params(config).items() if k.startswith("evaluate.")}
    return settings.items() <= run.data.params.items()


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


def close_dead(number: str) -> None:
    """Mark the running runs of dead processes on this machine as killed; MLflow does not.

    Args:
        number: id of the experiment in the store that MLflow points at.
    """
    import mlflow

    query = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
    alive = {
        f"{p.pid} {p.info['create_time'] or 0:.0f}" for p in psutil.process_iter(["create_time"])
    }
    client = mlflow.MlflowClient()
    for other in client.search_runs([number], query):
        if other.data.tags["process"] not in alive:
            client.set_terminated(other.info.run_id, "KILLED")
