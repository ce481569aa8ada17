"""Tracking: where runs go, and the names their settings have there."""

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
def test_a_store_is_never_relative_to_a_queued_experiments_folder(monkeypatch, given, used):
    monkeypatch.setenv("DVC_ROOT", "/repository")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if given:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert runs.store() == used


def test_a_store_that_cannot_be_used_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://somewhere")
    with pytest.raises(UserError, match="nonsense://somewhere cannot be used"):
        runs.connect()


def test_params_are_named_as_on_the_command_line():
    settings = {"model": {"name": "deep", "wide": None, "deep": {"units": [64, 32]}}}
    assert flat(settings) == {"model.name": "deep", "model.deep.units": "[64, 32]"}


def test_runs_whose_process_is_gone_count_as_killed(monkeypatch, tmp_path):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    runs.connect()
    client, own = mlflow.MlflowClient(), origin.process()
    tags = {
        "gone": own | {"process": "1 1"},
        "here": own,
        "elsewhere": {"host": "x", "process": "1 1"},
    }
    made = {name: client.create_run("1", tags=of).info.run_id for name, of in tags.items()}
    runs.close_dead()
    status = {name: client.get_run(run).info.status for name, run in made.items()}
    assert status == {"gone": "KILLED", "here": "RUNNING", "elsewhere": "RUNNING"}
