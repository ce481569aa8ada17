"""The champion: a run replaces it only if it is significantly better on the same test rows."""

from dataclasses import asdict

import mlflow
import pytest
from helpers.tracking import rows
from helpers.training import model_settings
from mlflow.entities import LoggedModelOutput

from pipeline.tracking import champion, connection

NAME = "anime-ratings-synthetic"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    connection.connect()


def challenged(frame):
    """Challenge with these predictions; returns the verdict, and the new version or None."""
    with mlflow.start_run() as run:
        model = mlflow.initialize_logged_model(name="model").model_id
        mlflow.MlflowClient().log_outputs(run.info.run_id, [LoggedModelOutput(model, 0)])
        mlflow.finalize_logged_model(model, "READY")
        mlflow.log_dict(asdict(model_settings()), "config.yaml")
        champion.enter(frame)
    verdict = mlflow.get_run(run.info.run_id).data.tags["champion"]
    present = mlflow.MlflowClient().get_model_version_by_alias(NAME, "champion")
    return verdict, present.version if present.run_id == run.info.run_id else None


def test_only_a_significantly_better_run_replaces_the_champion(store):
    assert challenged(rows(1.2)) == ("became version 1: the first", 1)
    verdict, version = challenged(rows(1.19, seed=1))
    assert version is None
    assert "not significantly better than version 1" in verdict
    verdict, version = challenged(rows(0.8, seed=2))
    assert version == 2
    assert verdict.startswith("became version 2: MSE -")


def test_runs_on_other_test_rows_are_not_compared(store):
    challenged(rows(1.2))
    verdict, version = challenged(rows(0.1, n=300))
    assert version is None
    assert "not compared" in verdict
