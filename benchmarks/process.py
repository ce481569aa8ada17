"""Time and peak memory of modules in fresh processes; servers; facts about the machine.

The peak memory of a child process includes what its parent holds when it starts the child, so a
process that measures must not import large packages.
"""

import contextlib
import json
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
PATIENCE = 120  # seconds that a server may take to start
Env = Mapping[str, str] | None
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes per unit of ru_maxrss


class Run(NamedTuple):
    """Time, peak memory and output of a measured process."""

    seconds: float
    peak_gb: float
    text: str


def measured(*module: str, cwd: Path = ROOT, python: str | Path = sys.executable) -> Run:
    """Run a module with the interpreter ``python``; the time includes start and imports.

    Raises:
        UserError: it failed; its messages are on stderr.
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


def clusters(workers: int) -> list[dict[str, str]]:
    """Return the variables of each worker of a training on this machine, on free ports."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(workers)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    tasks = [{"type": "worker", "index": index} for index in range(workers)]
    told = [{"cluster": {"worker": hosts}, "task": task} for task in tasks]
    return [{"TF_CONFIG": json.dumps(config)} for config in told]


def trainer_log(folder: Path, index: int) -> Path:
    """Return the file with what a worker of a training prints."""
    return folder / f"worker{index}.log"


def trainer(folder: Path, index: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a worker of a training in a folder, with its log there; return its process."""
    with trainer_log(folder, index).open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.train"], cwd=folder, stdout=log, stderr=log,
            env=environment,
        )  # fmt: skip


@contextlib.contextmanager
def served(
    module: str, *words: str, health: str, cwd: Path = ROOT, environment: Env = None
) -> Iterator[str]:
    """Run a server on a free local port, which is passed as the last argument.

    Args:
        module: the module to run.
        words: its arguments before the port.
        health: the page that answers once the server is ready.
        cwd: its working directory.
        environment: its environment variables; None for those of this process.

    Yields:
        Its address.

    Raises:
        UserError: it ended, or did not answer in time; the message has its output.
    """
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command, address = [sys.executable, "-m", module, *words, port], f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryFile() as log,  # an unread pipe would block the server
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
    """Read the files into the page cache, in pieces so that this process stays small."""
    for path in raw.glob("*.csv"):
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass


def memory(free: bool) -> int:
    """Return the bytes of memory of this machine, or on Linux those that are ``free``."""
    path = Path("/proc/meminfo")
    if free and path.exists():
        lines = dict(line.split(":") for line in path.read_text(encoding="utf-8").splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def machine() -> dict[str, Any]:
    """Return facts about the machine: cores, memory, versions."""
    facts = {"cpus": os.cpu_count(), "memory_gib": round(memory(free=False) / 2**30, 1)}
    packages = ("duckdb", "pandas", "pyarrow", "scikit-learn")
    return (
        facts | {"python": platform.python_version()} | {name: version(name) for name in packages}
    )
