"""Modules in fresh Python processes: their time and peak memory; servers; what machine this is.

A child counts as its own peak what its parent holds when it starts it. So whoever measures imports
nothing large.
"""

import contextlib
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import UserError

ROOT = Path(__file__).parents[1]
PATIENCE = 120  # seconds for a server to answer
Env = Mapping[str, str] | None
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes that ru_maxrss counts in


class Run(NamedTuple):
    """What a measured process took, and the text it printed."""

    seconds: float
    peak_gb: float
    text: str


def measured(*module: str, cwd: Path = ROOT, python: str | Path = sys.executable) -> Run:
    """Run a module to its end, start and imports included, in the environment of ``python``.

    Raises:
        UserError: it failed; its own words on that are on stderr.
    """
    command, env = [python, "-m", *module], os.environ | {"PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"{module[0]} ended with exit status {process.returncode}; see above.")
    return Run(seconds, usage.ru_maxrss * UNIT / 1e9, text)


@contextlib.contextmanager
def served(
    module: str, *words: str, health: str, cwd: Path = ROOT, environment: Env = None
) -> Iterator[str]:
    """Run a server on a free port of this machine, whose number follows the words.

    Args:
        module: of the server.
        words: what it is told.
        health: page that answers when it is ready.
        cwd: where it runs.
        environment: its variables; None for those of this process.

    Yields:
        Its address.

    Raises:
        UserError: it ended before it answered; with its own words.
    """
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command, address = [sys.executable, "-m", module, *words, port], f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryFile() as log,  # a pipe that nobody reads would hold the server up
        subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            end = time.monotonic() + PATIENCE
            while True:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{address}/{health}", timeout=5)
                    break
                if process.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise UserError(f"{module} does not answer:\n{log.read().decode()}")
                time.sleep(0.3)
            yield address
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def warm(raw: Path) -> None:
    """Bring the files into the page cache; in pieces, so that this process stays small."""
    for path in raw.glob("*.csv"):
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass


def memory(free: bool) -> int:
    """Return the bytes of memory of this machine, or those that are free where Linux tells."""
    path = Path("/proc/meminfo")
    if free and path.exists():
        lines = dict(line.split(":") for line in path.read_text(encoding="utf-8").splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def machine() -> dict[str, Any]:
    """Tell what the figures rest on: cores, memory, versions."""
    facts = {"cpus": os.cpu_count(), "memory_gib": round(memory(free=False) / 2**30, 1)}
    packages = ("duckdb", "pandas", "pyarrow", "scikit-learn")
    return (
        facts | {"python": platform.python_version()} | {name: version(name) for name in packages}
    )
