"""Whether the server of a store answers, found out in a bounded time and without MLflow."""

import socket
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Thread
from urllib.parse import SplitResult, quote, urlsplit
from urllib.request import getproxies, proxy_bypass

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


def place(parts: SplitResult) -> tuple[str, int]:
    """Return host and port of a server; the host is empty if its address names none."""
    return parts.hostname or "", parts.port or PORTS[kind(parts)]


def kind(parts: SplitResult) -> str:
    """Return the scheme of an address without the driver of a database."""
    return parts.scheme.partition("+")[0]


def trouble(uri: str, seconds: float) -> str:
    """Return why a server cannot be used, in a few words; empty if it answers.

    One behind a proxy is for the proxy to find, and one of an unknown kind for its client.

    Args:
        uri: address of the store.
        seconds: how long to wait at most, for its name, the connection and the answer together.
    """
    parts = urlsplit(uri)
    if kind(parts) not in PORTS or (
        parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")
    ):
        return ""
    said: list[str] = []
    thread = Thread(target=lambda: said.append(_asked(parts, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)
    return said[0] if said else f"no answer in {seconds:.0f} seconds"


def _asked(parts: SplitResult, seconds: float) -> str:
    """Ask a server of MLflow for its health; a database need only take a connection."""
    host, port = place(parts)
    try:
        if kind(parts) not in ("http", "https"):
            socket.create_connection((host, port), timeout=seconds).close()
            return ""
        connection = _connection(parts.scheme, host, port, seconds)
        connection.request("GET", f"{quote(parts.path.rstrip('/'))}/health")
        status = connection.getresponse().status
    except ssl.SSLError:
        return ""  # MLflow's client knows the certificates
    except TimeoutError:
        return f"no answer in {seconds:.0f} seconds"
    except (OSError, UnicodeError, HTTPException) as error:
        return str(getattr(error, "strerror", None) or error or "it closes the connection")
    return f"it answers with status {status}" if status >= 500 else ""


def _connection(scheme: str, host: str, port: int, seconds: float) -> HTTPConnection:
    if scheme == "http":
        return HTTPConnection(host, port, timeout=seconds)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing secret is sent
    return HTTPSConnection(host, port, timeout=seconds, context=context)
