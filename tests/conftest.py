"""Small tables that most tests share, and the real ratings where they are present."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ibis
import pandas as pd
import pytest
from hypothesis import settings

from pipeline.config import ROOT, Duckdb
from pipeline.engine import connect

settings.register_profile(
    "default",
    deadline=None,
    max_examples=40,
    derandomize="CI" in os.environ,  # the same examples each time; at one's desk new ones
)
settings.load_profile("default")

REAL_DATA = Path(os.environ.get("ANIME_RATINGS_DATA", ROOT.parent / "shared" / "data"))


def table(**columns):
    """An Ibis table of a few rows."""
    return ibis.memtable(pd.DataFrame(columns))


def run(*command, cwd, **environment):
    """Run a command as a user would; returns the finished process with its output as text."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "MLFLOW"))}
    done = subprocess.run(
        command, cwd=cwd, env=clean | environment, capture_output=True, text=True, check=False
    )
    done.output = done.stdout + done.stderr
    return done


def python(*arguments, cwd, **environment):
    """Run this Python, with the commands of its environment first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return run(sys.executable, *arguments, cwd=cwd, PATH=path, **environment)


def real_data(name):
    """A folder of real ratings, or a skip with the reason."""
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"real ratings are not at {folder}; set ANIME_RATINGS_DATA to their folder")
    return folder


@pytest.fixture
def out(tmp_path):
    """An empty folder for the files of a source."""
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A fresh clone of the repository as it is in the work tree, with a commit to start from."""
    folder = tmp_path_factory.mktemp("clone") / "anime-ratings"
    listed = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    run("git", "init", "-q", cwd=folder)
    run("git", "config", "user.email", "test@example.org", cwd=folder)
    run("git", "config", "user.name", "test", cwd=folder)
    run("git", "add", "-A", cwd=folder)
    assert run("git", "commit", "-qm", "start", cwd=folder).returncode == 0
    return folder


@pytest.fixture(scope="session")
def engine():
    """DuckDB, as the stages use it."""
    with connect(Duckdb("duckdb", threads=None, memory_limit="1GB")) as engine:
        yield engine
