"""A PostgreSQL server of its own for a test."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))


class Postgres:
    """PostgreSQL in an empty folder, with a database ``mlflow``, reached through a socket alone.

    Attributes:
        environment: the variables by which its clients find it.
    """

    def __init__(self):
        if not INSTALLED:
            pytest.skip("needs PostgreSQL: apt-get install postgresql")
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))  # the path of a socket has to be short
        self.environment = {"PGHOST": str(self.folder), "PGUSER": "mlflow"}

    def __enter__(self):
        if os.getuid() == 0:  # as which it does not run
            shutil.chown(self.folder, "postgres")
        data, log = self.folder / "data", self.folder / "log"
        self.run("initdb", "-D", data, "-U", "mlflow", "--auth=trust", "--no-sync")
        options = f"-k {self.folder} -c listen_addresses=''"
        self.run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        self.run("createdb", "mlflow")
        return self

    def __exit__(self, *_):
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder)

    def run(self, program, *arguments):
        """Run a program of PostgreSQL."""
        other = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        command = [*other, INSTALLED[-1] / program, *arguments]
        subprocess.run(
            command, check=True, cwd="/", stdout=subprocess.DEVNULL,
            env=os.environ | self.environment,
        )  # fmt: skip
