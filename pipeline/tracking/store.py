"""Where runs go: the store that MLflow's environment variables name, checked before any work.

Every stage checks it, as DVC may skip those before; so nothing here imports MLflow, which takes
seconds.
"""

import os
import sqlite3
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.errors import UserError
from pipeline.paths import home
from pipeline.tracking import reach, spool
from pipeline.tracking.address import SQLITE, shown, sqlite
from pipeline.tracking.origin import SWEEP_RUN

EXPERIMENT = "anime-ratings"
URI, REGISTRY = "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"
NAME, ID, RUN = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"
HEADER = b"SQLite format 3\0"
HOSTED = ("databricks", "databricks-uc", "uc")  # their clients find and check the address
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
SECONDS = 8.0  # to wait for a server or a lock; MLflow itself tries again for minutes
FORMS = "http://HOST:PORT, https://HOST or sqlite:///FILE"


def store() -> str:
    """Return the tracking URI: MLFLOW_TRACKING_URI, or a SQLite file in the repository.

    A relative SQLite path is resolved from the repository: a queued experiment runs in a temporary
    folder, and its runs would vanish with it.
    """
    uri = os.environ.get(URI, f"{SQLITE}mlflow.db")
    if not uri.startswith(SQLITE):
        return uri
    path = uri.removeprefix(SQLITE)
    return uri if path.startswith("/") else sqlite(home(), path)


def file(uri: str) -> Path:
    """Return the path of a SQLite file."""
    return Path(unquote(uri.partition("///")[2].partition("?")[0]))


def local() -> bool:
    """Whether the store is a SQLite file, so that artifacts are in the repository too."""
    return store().startswith("sqlite")


def remote() -> bool:
    """Whether the store is a server, so that runs go through the spool."""
    kind = reach.kind(urlsplit(store()))
    return store() in HOSTED or kind not in ("sqlite", "", "file")


def experiment() -> tuple[str, str | None]:
    """Return the name of the experiment, and its number if that is given instead."""
    return os.environ.get(NAME, EXPERIMENT), os.environ.get(ID)


def check_environment() -> None:
    """Refuse what MLflow's variables say where it cannot work.

    Raises:
        UserError: a variable is empty, or names a store that is not there, cannot be written, or
            is of an unknown kind; or a run is named.
    """
    for name in (URI, REGISTRY, NAME, ID):
        if os.environ.get(name, "set").strip() == "":
            raise UserError(f"{name} is empty; set it to a value, or `unset {name}`.")
    if RUN in os.environ:
        raise UserError(f"{RUN} is set, but each training opens a run of its own; `unset {RUN}`.")
    if NAME in os.environ and ID in os.environ:
        raise UserError(f"{NAME} and {ID} are both set; `unset` one of them.")
    _check(URI, store())
    if REGISTRY in os.environ:
        _check(REGISTRY, os.environ[REGISTRY])


def _check(variable: str, uri: str) -> None:
    """Refuse a URI of a store that cannot be used."""
    said = f"{variable}={shown(uri)}" if variable in os.environ else uri
    try:
        parts = urlsplit(uri)
        kind, _ = reach.kind(parts), parts.port
    except ValueError as error:
        reason = f" {error};" if "@" not in uri else ""  # it may have a part of the password
        raise UserError(f"{said}:{reason} it is of the form {FORMS}.") from None
    if kind == "sqlite":
        _check_sqlite(said, uri)
    elif kind in reach.PORTS:
        _check_server(said, uri)
    elif kind in ("", "file") and uri not in HOSTED:
        _check_folder(said, parts.path)
    elif kind not in HOSTED and uri not in HOSTED and kind not in _plugins():
        raise UserError(f"{said}: MLflow knows no {kind}:; it is of the form {FORMS}.")
    if (kind in DATABASES and "+" in parts.scheme) or kind in DATABASES[1:]:
        _check_driver(said, uri)


def _check_sqlite(said: str, uri: str) -> None:
    path = file(uri)
    if path.name in ("", ":memory:"):
        raise UserError(f"{said}: runs in memory are gone with each stage; name a file.")
    if not path.parent.is_dir():
        raise UserError(f"{said}: there is no folder {path.parent}.")
    if path.is_dir():
        raise UserError(f"{said}: {path} is a folder, not a SQLite file.")
    head = b""
    try:
        if path.exists():
            with path.open("rb") as start:
                head = start.read(len(HEADER))
    except OSError as error:
        raise UserError(f"{said}: {path} cannot be read: {error.strerror}.") from error
    if head not in (b"", HEADER):
        raise UserError(f"{said}: {path} is no SQLite file; name another.")
    for place in (path.parent, path) if path.exists() else (path.parent,):
        if not os.access(place, os.W_OK):
            raise UserError(f"{said}: {place} cannot be written.")
    if not path.exists():
        return
    try:  # MLflow tries for an hour to open a file that is locked
        address = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, timeout=SECONDS, uri=True)) as database:
            database.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        raise UserError(f"{said}: {path} cannot be written ({error}).") from error


def _check_folder(said: str, path: str) -> None:
    """Refuse a folder of files as a store unless MLflow is told to allow it, and it is writable."""
    if os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in ("true", "1"):
        raise UserError(f"{said}: MLflow keeps no runs in plain folders any more; use {FORMS}.")
    place = Path(unquote(path)).absolute()
    while not place.exists():
        place = place.parent
    if not (place.is_dir() and os.access(place, os.W_OK)):
        raise UserError(f"{said}: {place} is no folder that can be written.")


def _check_server(said: str, uri: str) -> None:
    """Refuse a server that does not answer, unless runs are on their way to it anyway."""
    host, port = reach.place(urlsplit(uri))
    if not host:
        raise UserError(f"{said}: it names no host; it is of the form {FORMS}.")
    if SWEEP_RUN in os.environ or spool.noted(shown(uri)):
        return
    if trouble := reach.trouble(uri, SECONDS):
        raise UserError(
            f"{said}: {host}:{port} cannot be used ({trouble}); start it, or check {URI}."
        )


def _check_driver(said: str, uri: str) -> None:
    """Refuse a database whose driver is not installed."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(uri).get_dialect().import_dbapi()
    except (ArgumentError, ImportError) as error:
        raise UserError(f"{said}: {error}; install the driver, or use {FORMS}.") from error


def _plugins() -> set[str]:
    """Return the schemes of stores that are installed as plugins of MLflow."""
    groups = ("mlflow.tracking_store", "mlflow.model_registry_store")
    return {point.name for group in groups for point in entry_points(group=group)}
