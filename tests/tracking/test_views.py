"""MLflow's UI shows a sweep, its jobs and its picture, checked in a real browser."""

import os
import sys
from pathlib import Path

import mlflow
from helpers.browser import needed, ui, walk
from helpers.commands import python

SMALL = ["dataset.users=150", "dataset.items=120", "dataset.ratings=4000", "experiment=quick"]


def test_the_ui_shows_a_sweep_its_jobs_and_its_picture(clone, tmp_path):
    needed()
    done = python("-m", "pipeline.sweep", "--multirun", *SMALL, "model=wide,deep", cwd=clone)
    assert done.returncode == 0, done.output
    mlflow.set_tracking_uri(f"sqlite:///{clone}/mlflow.db")
    runs = mlflow.search_runs(["1"], output_format="list")
    parent = next(run for run in runs if "sweep" in run.data.tags)
    children = [run for run in runs if "job" in run.data.tags]
    assert len(children) == 2
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "MLFLOW"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with ui(clone, clean | {"PATH": path}) as address:
        walk(address, "1", parent, children, tmp_path)
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "results.png",
        "sweep.png",
        "plot.png",
    }
