"""The store of runs: where it is, in folders of any name, and what is refused before any work."""

import os
import socket
import sqlite3
import subprocess
import sys

import mlflow
import pytest

from pipeline.errors import UserError
from pipeline.tracking import connection
from pipeline.tracking.store import check_environment, store

VARIABLES = [name for name in os.environ if name.startswith("MLFLOW_")]


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
def test_the_store_is_in_the_repository_whatever_the_folder_is_called(monkeypatch, tmp_path, name):
    folder = tmp_path / name / "anime-ratings"
    folder.mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    connection.connect()
    with mlflow.start_run() as run:
        mlflow.log_text("kept", "a/note.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/a/note.txt") == "kept"
    assert (folder / "mlflow.db").stat().st_size
    assert list((folder / "mlruns").rglob("note.txt"))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


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
    ("MLFLOW_TRACKING_URI", "http://nowhere.invalid:5000", "no server answers at nowhere.invalid"),
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


def test_a_server_that_is_not_there_is_noticed_at_once_and_one_that_listens_passes(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UserError, match="no server answers at 127"):
        check_environment()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{port}/prefix")
        check_environment()


@pytest.mark.parametrize(
    "uri", ["databricks", "databricks://profile", "databricks-uc", "uc:http://x"]
)
def test_hosted_stores_are_left_to_their_clients(monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    check_environment()


def test_the_password_of_a_server_is_not_told(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{free_port()}")
    with pytest.raises(UserError) as error:
        check_environment()
    assert "secret" not in str(error.value)


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


def test_an_experiment_that_was_deleted_and_a_foreign_database_are_named(monkeypatch, tmp_path):
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
