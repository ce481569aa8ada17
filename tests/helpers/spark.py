"""A Spark cluster of its own for a test: a master and two workers on this machine."""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
HERE = ["--host", "127.0.0.1", "--webui-port", "0"]
SECONDS = 60  # for the cluster to start


@contextlib.contextmanager
def cluster(folder):
    """Start a standalone cluster with its logs in a folder; yields the master's address."""
    package = importlib.util.find_spec("pyspark")
    if package is None:
        pytest.skip("PySpark is not installed; `make test` installs it")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not on the path")
    program = Path(package.origin).parent / "bin" / "spark-class"
    started = []

    def start(name, *arguments):
        log = folder / f"{name}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [program, *arguments], cwd=folder, stdout=output, stderr=output,
                env=os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"}, start_new_session=True,
            )  # fmt: skip
        started.append(process)
        return log

    def said(log, pattern, times=1):
        end = time.monotonic() + SECONDS
        while len(found := re.findall(pattern, log.read_text())) < times:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        return found[0]

    try:
        master = start("master", MASTER, *HERE, "--port", "0")
        address = said(master, r"spark://\S+:\d+")
        for name in ("one", "two"):
            size = ["--cores", "1", "--memory", "1g", "--work-dir", str(folder / name)]
            start(name, WORKER, *HERE, *size, address)
        said(master, "Registering worker", times=2)
        yield address
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
