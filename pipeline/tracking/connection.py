"""The connection to the store of runs: MLflow is pointed at it, and its errors are told.

MLflow takes seconds to import, so functions import it.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from pipeline.errors import UserError
from pipeline.paths import home
from pipeline.tracking import experiment, spool, store
from pipeline.tracking.address import shown

if TYPE_CHECKING:
    from mlflow.entities import Experiment

# What MLflow does unless the user's variables say otherwise. By itself it waits for a server for
# 120 s, and tries again for minutes.
DEFAULTS = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",  # seconds
    "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "5",  # seconds
}
LOGGERS = {"mlflow": "WARNING", "alembic": "WARNING"}
# They log with a traceback what is told in a sentence.
SILENT = "mlflow.store.db.utils", "mlflow.system_metrics"
DATABASE = re.compile(r"^\([\w.]+\) (.+)$", re.MULTILINE)  # what its driver says in an error


def prepare() -> None:
    """Set up MLflow before its first use."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    if store.remote():  # each run has a store of its own, whose files must not stay open
        os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    if "@" in store.store():  # MLflow prints the address of a run with its password
        os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    import mlflow  # noqa: F401, as it sets its own levels

    for logger, level in (LOGGERS | dict.fromkeys(SILENT, "CRITICAL")).items():
        logging.getLogger(logger).setLevel(level)


def connect() -> "Experiment":
    """Point MLflow at the store and the experiment; create them if they do not exist.

    Returns:
        The experiment that runs belong to.

    Raises:
        UserError: MLflow's variables or the store cannot be used.
    """
    store.check_environment()
    prepare()
    import mlflow
    from alembic.util.exc import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    uri, (name, number) = store.store(), store.experiment()
    folder = (home() / "mlruns").as_uri() if store.local() else None
    try:
        with FileLock(home() / "mlflow.db.lock"):  # two processes at once break a fresh store
            found = experiment.find(mlflow.MlflowClient(uri), name, number, folder)
            use(uri, found.experiment_id)
            return found
    except (MlflowException, SQLAlchemyError, CommandError, OSError) as error:
        wanted = f"{store.ID}={number}" if number else f"the experiment {name!r}"
        raise UserError(
            f"MLflow's store {shown(uri)} cannot be used for {wanted} ({reason(error)}); "
            f"check {store.URI}, {store.NAME} and {store.ID}."
        ) from None  # whose text may have a password


def use(uri: str, number: str) -> None:
    """Point MLflow at a store and an experiment; the user's variables, which it sets, stay."""
    import mlflow

    before = {name: os.environ.get(name) for name in (store.URI, store.ID)}
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(experiment_id=number)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def told() -> Iterator[None]:
    """Tell in a sentence that the store, or the spool, has failed in the middle of the work.

    Raises:
        UserError: it has.
    """
    try:
        yield
    except Exception as error:
        if not _of_store(error):
            raise
        import mlflow

        uri = mlflow.get_tracking_uri()
        file = store.file(uri) if uri.startswith("sqlite") else None
        why = reason(error) if file is None or file.exists() else "it was moved or deleted"
        raise UserError(
            f"MLflow's store {shown(uri)} failed while it was in use ({why}). When it can be used "
            "again, `dvc repro` runs this stage again, and a training goes on from its checkpoint."
        ) from None  # whose text may have a password


def _of_store(error: Exception) -> bool:
    """Whether an error comes from MLflow, its database, or the folders of artifacts."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, OSError):
        folders = home() / "mlruns", spool.folder()
        return any(Path(str(error.filename)).is_relative_to(folder) for folder in folders)
    return isinstance(error, MlflowException | SQLAlchemyError)


def reason(error: Exception) -> str:
    """Return what an error of the store says in one line, without secrets."""
    text = str(error).strip() or type(error).__name__
    said = DATABASE.search(text)
    return shown(said[1] if said else text.splitlines()[0]).rstrip(".")[:200]
