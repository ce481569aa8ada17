"""Runs: the names of params, and runs of dead processes."""

import mlflow

from pipeline.settings.sections import flat
from pipeline.tracking import connection, origin, runs


def test_params_are_named_as_on_the_command_line():
    settings = {"model": {"name": "deep", "wide": None, "deep": {"units": [64, 32]}}}
    assert flat(settings) == {"model.name": "deep", "model.deep.units": "[64, 32]"}


def test_runs_of_dead_processes_are_marked_as_killed(monkeypatch, tmp_path):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    connection.connect()
    client, this = mlflow.MlflowClient(), origin.process()
    tags = {
        "dead": this | {"process": "1 1"},
        "alive": this,
        "elsewhere": {"host": "x", "process": "1 1"},
    }
    ids = {
        name: client.create_run("1", tags=run_tags).info.run_id for name, run_tags in tags.items()
    }
    runs.close_dead("1")
    status = {name: client.get_run(run).info.status for name, run in ids.items()}
    assert status == {"dead": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}
