"""The store of runs: where it is, in folders of any name, and what is refused before any work."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from helpers.server import Server
from helpers.tracking import Proxy

from pipeline.errors import UserError
from pipeline.tracking import connection
from pipeline.tracking import store as store_module
from pipeline.tracking.store import check_environment, store

VARIABLES = [name for name in os.environ if name.startswith("MLFLOW_")]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A store, which takes seconds to create."""
    path = tmp_path_factory.mktemp("fresh") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    """A user's environment, and a repository in an empty folder."""
    for name in (*VARIABLES, "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "sqlite:////repository/mlflow.db"),
        ("sqlite:///runs.db", "sqlite:////repository/runs.db"),
        ("sqlite:////elsewhere/runs.db", "sqlite:////elsewhere/runs.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_a_relative_store_is_resolved_from_the_repository(monkeypatch, given, used):
    monkeypatch.setenv("DVC_ROOT", "/repository")
    if given:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert store() == used


@pytest.mark.parametrize("name", ["a%20b", "x?y", "p%zz", "u#v", "ö", "s p", "a&b=c;d", "q'r"])
def test_the_store_is_in_the_repository_whatever_the_folder_is_called(
    monkeypatch, tmp_path, fresh, name
):
    folder = tmp_path / name / "anime-ratings"
    folder.mkdir(parents=True)
    shutil.copy(fresh, folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    connection.connect()
    with mlflow.start_run() as run:
        mlflow.log_text("kept", "a/note.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/a/note.txt") == "kept"
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert list((folder / "mlruns").rglob("note.txt"))
    assert [path.name for path in tmp_path.iterdir()] == [name]


WRONG = [  # variable, value, what the sentence says
    ("MLFLOW_TRACKING_URI", "", "MLFLOW_TRACKING_URI is empty"),
    ("MLFLOW_TRACKING_URI", "  ", "MLFLOW_TRACKING_URI is empty"),
    ("MLFLOW_TRACKING_URI", "htp:/x", "MLflow knows no htp:"),
    ("MLFLOW_TRACKING_URI", "nonsense://somewhere", "MLflow knows no nonsense:"),
    ("MLFLOW_TRACKING_URI", "http://", "it names no host"),
    ("MLFLOW_TRACKING_URI", "http:/127.0.0.1", "it names no host"),
    ("MLFLOW_TRACKING_URI", "http://127.0.0.1:99999", "Port out of range"),
    ("MLFLOW_TRACKING_URI", "http://127.0.0.1:x", "Port could not be cast"),
    ("MLFLOW_TRACKING_URI", "http://[::1", "Invalid IPv6"),
    ("MLFLOW_TRACKING_URI", "http://nowhere.invalid:5000", "nowhere.invalid:5000 cannot be used"),
    ("MLFLOW_TRACKING_URI", "mlruns", "keeps no runs in plain folders"),
    ("MLFLOW_TRACKING_URI", "file:/proc/x", "keeps no runs in plain folders"),
    ("MLFLOW_TRACKING_URI", "sqlite:////nowhere/runs.db", "there is no folder /nowhere"),
    ("MLFLOW_TRACKING_URI", "sqlite:///:memory:", "runs in memory are gone"),
    ("MLFLOW_TRACKING_URI", "sqlite:///", "is a folder"),
    ("MLFLOW_TRACKING_URI", "sqlite:///folder", "is a folder, not a SQLite file"),
    ("MLFLOW_TRACKING_URI", "sqlite:///text", "is no SQLite file"),
    ("MLFLOW_TRACKING_URI", "sqlite+nonsense:///x.db", "nonsense"),
    ("MLFLOW_REGISTRY_URI", "htp:/x", "MLFLOW_REGISTRY_URI=htp:/x"),
    ("MLFLOW_EXPERIMENT_NAME", "", "MLFLOW_EXPERIMENT_NAME is empty"),
    ("MLFLOW_RUN_ID", "0123", "MLFLOW_RUN_ID is set"),
]


@pytest.mark.parametrize(("variable", "value", "message"), WRONG)
def test_an_environment_that_cannot_work_is_named(monkeypatch, tmp_path, variable, value, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("these are no runs")
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError) as error:
        check_environment()
    assert variable in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("mode", "said"),
    [("away", "refused"), ("hang", "no answer in 1 seconds"), ("500", "status 500")],
)
def test_a_server_that_cannot_be_used_is_noticed_at_once(monkeypatch, mode, said):
    proxy = Proxy(0)
    proxy.set(mode)
    monkeypatch.setattr(store_module, "SECONDS", 1.0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.url)
    with pytest.raises(UserError, match=rf"127\.0\.0\.1:\d+ cannot be used \(.*{said}"):
        check_environment()


def test_a_server_passes_if_it_answers_behind_a_prefix_and_with_a_password(monkeypatch):
    with Server({"health": b"OK"}) as server:
        address = server.url.replace("//", "//user:secret@")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{address}/prefix/")
        check_environment()
        assert server.asked[0][0] == "/prefix/health"


@pytest.mark.parametrize(
    "uri", ["databricks", "databricks://profile", "databricks-uc", "uc:http://x"]
)
def test_hosted_stores_are_left_to_their_clients(monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    check_environment()


@pytest.mark.parametrize(
    "address",
    [
        "http://user:hunter2@127.0.0.1:1",  # pragma: allowlist secret
        "http://hunter2@127.0.0.1:1",
        "http://user:p@ss:hunter2@127.0.0.1:1",  # pragma: allowlist secret
        "http://user:hunter2/x@127.0.0.1:1",
        "http://user:1/hunter2@127.0.0.1:1",
        "http://user:hunter2@[::1",  # pragma: allowlist secret
        "htp://user:hunter2@x",  # pragma: allowlist secret
        "postgresql://user:hunter2@127.0.0.1:1/x?password=hunter2",  # pragma: allowlist secret
        "sqlite://user:hunter2@x/y",  # pragma: allowlist secret
        "nonsense+x://user:hunter2@127.0.0.1/x",  # pragma: allowlist secret
    ],
)  # fmt: skip
def test_the_password_of_a_server_is_not_told(monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UserError) as error:
        check_environment()
    assert "hunter2" not in str(error.value)


def test_name_and_number_of_the_experiment_are_not_both_given(monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "1")
    with pytest.raises(UserError, match="both set"):
        check_environment()


def test_the_experiment_is_found_by_name_or_number_and_the_environment_stays(monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    made = connection.connect()
    assert made.name == "mine"
    assert "MLFLOW_EXPERIMENT_ID" not in os.environ
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    assert connection.connect().name == "anime-ratings"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", made.experiment_id)
    assert connection.connect().name == "mine"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "77")
    with pytest.raises(UserError, match="MLFLOW_EXPERIMENT_ID=77"):
        connection.connect()


def test_an_experiment_that_was_deleted_and_a_foreign_database_are_named(
    monkeypatch, tmp_path, fresh
):
    shutil.copy(fresh, tmp_path)
    made = connection.connect()
    mlflow.delete_experiment(made.experiment_id)
    with pytest.raises(UserError, match="'anime-ratings'"):
        connection.connect()
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE experiments (x)")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    with pytest.raises(UserError, match=r"other\.db cannot be used"):
        connection.connect()


def test_the_check_imports_no_mlflow():
    code = "import sys, pipeline.config; assert not {'mlflow', 'sqlalchemy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_store_that_is_locked_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(store_module, "SECONDS", 0.1)
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as other:
        other.executescript("CREATE TABLE x (y); BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=r"mlflow\.db cannot be written \(database is locked\)"):
            check_environment()


BREAKS = {  # what happens to the store in the middle of a run, and what is said
    "moved": (lambda: Path("mlflow.db").rename("other.db"), "it was moved or deleted"),
    "deleted": (lambda: Path("mlflow.db").unlink(), "it was moved or deleted"),
    "emptied": (lambda: execute("DROP TABLE latest_metrics"), "no such table"),
    "overwritten": (lambda: Path("mlflow.db").write_bytes(bytes(9999)), "not a database"),
    "no artifacts": (lambda: Path("mlruns").rename("gone") and Path("mlruns").touch(), "directory"),
}


def execute(command):
    with closing(sqlite3.connect("mlflow.db")) as database:
        database.execute(command)


@connection.told()
def logging_run(breaks):
    connection.connect()
    with mlflow.start_run():
        mlflow.log_text("first", "first.txt")
        breaks()
        mlflow.log_metrics({"x": 1})
        mlflow.log_text("second", "second.txt")


@pytest.mark.parametrize("how", BREAKS)
def test_a_store_that_breaks_in_the_middle_of_a_run_is_told_in_a_sentence(
    monkeypatch, tmp_path, fresh, capfd, how
):
    shutil.copy(fresh, tmp_path)
    monkeypatch.chdir(tmp_path)
    breaks, said = BREAKS[how]
    with pytest.raises(UserError, match=f"mlflow.db failed while it was in use .*{said}") as error:
        logging_run(breaks)
    assert len(str(error.value).splitlines()) == 1
    assert "".join(capfd.readouterr()) == ""
