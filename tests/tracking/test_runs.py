"""Runs: the names of params, and runs of dead processes."""

from concurrent.futures import ThreadPoolExecutor

import mlflow
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.sources import LocalArtifactDatasetSource
from mlflow.store.tracking.dbmodels.models import SqlDataset
from sqlalchemy import event
from sqlalchemy.orm import Session

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


def test_two_jobs_may_log_the_same_tables_at_the_same_moment(monkeypatch, tmp_path):
    """The other job is through between MLflow's look for the table and its addition."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    connection.connect()
    table = MetaDataset(LocalArtifactDatasetSource("train.parquet"), name="x-train", digest="12")
    jobs = [mlflow.MlflowClient().create_run("1").info.run_id for _ in range(2)]

    def log(job):
        with mlflow.start_run(job):
            runs.log_inputs({"train": table})

    def other(session, *_):
        if waiting and any(isinstance(row, SqlDataset) for row in session.new):
            with ThreadPoolExecutor() as pool:
                pool.submit(log, waiting.pop()).result()

    waiting = [jobs[1]]
    event.listen(Session, "before_flush", other)
    log(jobs[0])
    event.remove(Session, "before_flush", other)
    inputs = [mlflow.get_run(job).inputs.dataset_inputs for job in jobs]
    assert [[one.dataset.digest for one in of_job] for of_job in inputs] == [["12"], ["12"]]
