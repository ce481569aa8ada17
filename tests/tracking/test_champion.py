"""The champion: a run replaces it only if it is significantly better on the same test rows."""

import mlflow
import numpy as np
import pandas as pd
import pytest
from helpers.training import model_settings
from mlflow.entities import LoggedModelOutput

from pipeline.tracking import champion, runs

NAME = "anime-ratings-synthetic"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    runs.connect()


def rows(noise, seed=0, n=600):
    """Test rows of 60 users, predicted with normal errors of standard deviation ``noise``."""
    rating = np.random.default_rng(0).integers(1, 11, n).astype("float32")
    error = np.random.default_rng(seed).normal(0, noise, n)
    names = {"user": np.arange(n) % 60, "item": np.arange(n) % 7}
    return pd.DataFrame(names | {"rating": rating, "prediction": rating + error})


def challenged(frame):
    """Challenge with these predictions; returns the verdict, and the new version or None."""
    with mlflow.start_run() as run:
        model = mlflow.initialize_logged_model(name="model").model_id
        mlflow.MlflowClient().log_outputs(run.info.run_id, [LoggedModelOutput(model, 0)])
        mlflow.finalize_logged_model(model, "READY")
        champion.challenge(model_settings(), run, frame)
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
