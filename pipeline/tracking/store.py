"""Where runs go: the store that MLflow's environment variables name, checked before any work.

Every stage checks it, as DVC may skip those before; so nothing here imports MLflow, which takes
seconds.
"""

import os
import re
import socket
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from pipeline.errors import UserError
from pipeline.paths import home

EXPERIMENT = "anime-ratings"
URI, REGISTRY = "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"
NAME, ID, RUN = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"
SQLITE = "sqlite:///"
HEADER = b"SQLite format 3\0"
HOSTED = ("databricks", "databricks-uc", "uc")  # their clients find and check the address
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
SECONDS = 5.0  # to wait for a server; MLflow itself tries again for minutes
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
PASSWORD = re.compile(r"(?<=//)[^/@]*@")  # with the user's name
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
    return uri if path.startswith("/") else _sqlite(home(), path)


def _sqlite(folder: Path, path: str) -> str:
    """Return the URI of a SQLite file in ``folder``, whatever the folder is called.

    SQLAlchemy decodes %XX and ends the path at a question mark. MLflow creates the folder that
    stands behind ``sqlite:///`` without decoding it, but not with the driver named.
    """
    quoted = str(folder).replace("%", "%25").replace("?", "%3F")
    prefix = SQLITE if quoted == str(folder) else "sqlite+pysqlite:///"
    return f"{prefix}{quoted}/{path}"


def shown(uri: str) -> str:
    """Return a URI without the name and password that it may have."""
    return PASSWORD.sub("", uri)


def local() -> bool:
    """Whether the store is a SQLite file, so that artifacts are in the repository too."""
    return store().startswith("sqlite")


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
        kind, port = parts.scheme.partition("+")[0], parts.port
    except ValueError as error:
        raise UserError(f"{said}: {error}; it is of the form {FORMS}.") from error
    if kind == "sqlite":
        _check_sqlite(said, uri)
    elif kind in ("http", "https", *DATABASES):
        _check_server(said, parts, port or PORTS[kind])
    elif kind in ("", "file") and uri not in HOSTED:
        _check_folder(said, parts.path)
    elif kind not in HOSTED and uri not in HOSTED and kind not in _plugins():
        raise UserError(f"{said}: MLflow knows no {kind}:; it is of the form {FORMS}.")
    if (kind in DATABASES and "+" in parts.scheme) or kind in DATABASES[1:]:
        _check_driver(said, uri)


def _check_sqlite(said: str, uri: str) -> None:
    path = Path(unquote(uri.partition("///")[2].partition("?")[0]))
    if path.name in ("", ":memory:"):
        raise UserError(f"{said}: runs in memory are gone with each stage; name a file.")
    if not path.parent.is_dir():
        raise UserError(f"{said}: there is no folder {path.parent}.")
    if path.is_dir():
        raise UserError(f"{said}: {path} is a folder, not a SQLite file.")
    head = b""
    try:
        if path.exists():
            with path.open("rb") as file:
                head = file.read(len(HEADER))
    except OSError as error:
        raise UserError(f"{said}: {path} cannot be read: {error.strerror}.") from error
    if head not in (b"", HEADER):
        raise UserError(f"{said}: {path} is no SQLite file; name another.")
    for place in (path.parent, path) if path.exists() else (path.parent,):
        if not os.access(place, os.W_OK):
            raise UserError(f"{said}: {place} cannot be written.")


def _check_folder(said: str, path: str) -> None:
    """Refuse a folder of files as a store unless MLflow is told to allow it, and it is writable."""
    if os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in ("true", "1"):
        raise UserError(f"{said}: MLflow keeps no runs in plain folders any more; use {FORMS}.")
    place = Path(unquote(path)).absolute()
    while not place.exists():
        place = place.parent
    if not (place.is_dir() and os.access(place, os.W_OK)):
        raise UserError(f"{said}: {place} is no folder that can be written.")


def _check_server(said: str, parts: SplitResult, port: int) -> None:
    """Refuse a server that takes no connection; one behind a proxy is for the proxy to find."""
    host = parts.hostname
    if not host:
        raise UserError(f"{said}: it names no host; it is of the form {FORMS}.")
    if parts.scheme in getproxies() and not proxy_bypass(host):
        return
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{said}: no server answers at {host}:{port} ({reason}); start it, or check {URI}."
        ) from error


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
