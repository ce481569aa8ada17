"""Small tables that most tests share, and the real ratings where they are present."""

import os
import shutil

import pytest
from helpers.commands import run
from helpers.tables import planted
from helpers.training import ALL_MEMBERS, train
from hypothesis import settings

from pipeline.paths import ROOT
from pipeline.settings.sections import Duckdb
from pipeline.tables.engine import connect

settings.register_profile(
    "default",
    deadline=None,
    max_examples=40,
    derandomize="CI" in os.environ,  # the same examples each time; at one's desk new ones
)
settings.load_profile("default")


def pytest_collection_modifyitems(config, items):
    """Mark what runs in a clone as slow: whole stages, servers, browsers. It comes first.

    The long table of faults runs only where ``-m`` asks for it.

    Two workers end at about the same time when the short files are last.
    """
    if "faults" not in config.option.markexpr:
        long = [item for item in items if item.get_closest_marker("faults")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    for item in items:
        if "clone" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


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


@pytest.fixture(scope="session")
def models(features, tmp_path_factory):
    """A folder of models, trained on ``features``, with draws of all kinds of chains."""
    return train(features, tmp_path_factory.mktemp("models"), ALL_MEMBERS)


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    """Feature tables where a user likes either the odd titles' genre or the even ones'."""
    return planted(tmp_path_factory.mktemp("features"))
