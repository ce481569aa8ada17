"""Runs: the store, the names of params, and runs of dead processes."""

import mlflow
import pytest

from pipeline.errors import UserError
from pipeline.settings.sections import flat
from pipeline.tracking import origin, runs


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
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if given:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert runs.store() == used


def test_the_error_names_a_store_that_cannot_be_used(monkeypatch, tmp_path):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://somewhere")
    with pytest.raises(UserError, match="nonsense://somewhere cannot be used"):
        runs.connect()


def test_params_are_named_as_on_the_command_line():
    settings = {"model": {"name": "deep", "wide": None, "deep": {"units": [64, 32]}}}
    assert flat(settings) == {"model.name": "deep", "model.deep.units": "[64, 32]"}


def test_runs_of_dead_processes_are_marked_as_killed(monkeypatch, tmp_path):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    runs.connect()
    client, this = mlflow.MlflowClient(), origin.process()
    tags = {
        "dead": this | {"process": "1 1"},
        "alive": this,
        "elsewhere": {"host": "x", "process": "1 1"},
    }
    ids = {
        name: client.create_run("1", tags=run_tags).info.run_id for name, run_tags in tags.items()
    }
    runs.close_dead()
    status = {name: client.get_run(run).info.status for name, run in ids.items()}
    assert status == {"dead": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}
