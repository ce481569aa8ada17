"""Runs in MLflow: what each run records, how train and evaluate share one.

MLflow takes seconds to import, so functions import it.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import psutil

from pipeline.errors import UserError
from pipeline.files import ends, seals
from pipeline.paths import FEATURES, home
from pipeline.settings.sections import Config
from pipeline.tracking import connection, origin, reach, sender, spool, store, trained
from pipeline.tracking.address import shown

if TYPE_CHECKING:
    import mlflow
    from mlflow.data.dataset import Dataset

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
    before = trained.find(number, config, model) if model else None
    if not before:
        close_dead(number)
    with _opened(config, model, before.info.run_id if before else None) as active:
        yield active


@contextmanager
def _in_spool(config: Config, model: str | None) -> Iterator["mlflow.ActiveRun"]:
    """Open a run in the spool; resume one that has not been sent, or continue a server's run."""
    import mlflow

    server = store.store()
    connection.prepare()
    earlier = trained.known(config, model, shown(server)) if model else None
    # The stage before may be at it until its last request times out.
    if earlier and earlier.claim(LINGER):
        spooled, before = earlier, earlier.run()
    else:
        answers, there = _asked(server, config, model)
        spooled = spool.create(shown(server), *store.experiment())
        noted = earlier.note if earlier and not answers else {}
        before = trained.continued(spooled, there, noted)
    connection.use(spooled.uri, spooled.experiment)
    sending = sender.Sender(spooled, server)
    sending.start()
    try:
        with _opened(config, model, before.info.run_id if before else None) as active:
            yield active
    finally:
        if ended := spooled.run():
            trained.note(spooled, ended, config)
        sending.finish()
        mlflow.set_tracking_uri(server)


def _asked(
    server: str, config: Config, model: str | None, *, again: bool = True
) -> "tuple[bool, trained.There | None]":
    """Ask a server for the run that trained a model, and close runs there that are dead.

    Args:
        server: its address, which may cease to answer at any moment.
        config: all settings.
        model: digest of the model.
        again: whether to ask twice, as the server may just have been started again.

    Returns:
        Whether the server answers, and the run if there is one.
    """
    from mlflow.exceptions import MlflowException

    try:
        number = str(connection.connect().experiment_id)
        there = trained.there(number, config, model) if model else None
        if not there:
            close_dead(number)
    except (UserError, MlflowException):
        if reach.trouble(server, sender.BRIEF):
            return False, None
        if not again:
            raise
        return _asked(server, config, model, again=False)
    return True, there


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
        mlflow.log_params(trained.params(config))
        mlflow.log_dict(asdict(config), "config.yaml")
        digests = {
            part: seals.digest(FEATURES / f"{part}.parquet")[:12]
            for part in ("train", "valid", "test")
        }
        log_inputs({part: _dataset(config, part, value) for part, value in digests.items()})
        mlflow.set_tags({"dataset": config.dataset.source, "data": digests["train"]})
        if model:
            tag_model(model)
        yield active


def tag_model(digest: str) -> None:
    """Tag the open run with the digest of the model that it trained or evaluates."""
    import mlflow

    mlflow.set_tag(trained.MODEL_DIGEST, digest)


def log_inputs(datasets: Mapping[str, "Dataset"]) -> None:
    """Log the datasets that the open run reads, by the context of each."""
    import mlflow
    from mlflow.exceptions import MlflowException

    tags = [None] * len(datasets)
    # MLflow looks for a dataset and adds it if no run had it. This fails if another job of a sweep
    # adds the same one between the two; at the second attempt it is found.
    try:
        mlflow.log_inputs([*datasets.values()], [*datasets], tags)
    except MlflowException:
        mlflow.log_inputs([*datasets.values()], [*datasets], tags)


def _dataset(config: Config, part: str, value: str) -> "Dataset":
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
