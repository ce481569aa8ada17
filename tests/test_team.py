"""Two people, each with a clone: one remote for data and models, one server for their runs."""

import json
from collections import Counter

import mlflow
import pandas as pd
import pytest
from helpers.commands import python, run
from helpers.postgresql import Postgres
from helpers.tracking import Tracker

from benchmarks import serving
from benchmarks.soak import send
from pipeline.artifact.folder import model_digest

SMALL = ["experiment=quick", "dataset.users=200", "dataset.items=150", "dataset.ratings=5000"]
ONE = "posterior.members=[grades]"
JOBS = ["~posterior", "model=wide,deep", "train.epochs=1"]
SECRET = "-".join(["open", "sesame"])  # so that this file does not have it


@pytest.fixture(scope="module")
def server(clone):
    """The address, with a name and password in it, of what `make server` starts on PostgreSQL."""
    (clone / ".venv").mkdir()
    with Postgres() as database:
        command = ["make", "--old-file=.venv/installed", "server"]
        tracker = Tracker(clone, command, **database.environment).start()
        yield tracker.url.replace("//", f"//mario:{SECRET}@")
        mlflow.set_tracking_uri(None)  # or later tests would look for it
        tracker.kill()


@pytest.fixture(scope="module")
def first(clone, server):
    """The clone of the first: trained, committed and pushed; and what the commands said."""
    said = []

    def step(*command):
        done = run(*command, cwd=clone, MLFLOW_TRACKING_URI=server)
        said.append(done.output)
        assert done.returncode == 0, done.output

    run("git", "init", "-q", "--bare", str(clone.parent / "origin"), cwd=clone)
    step("git", "remote", "add", "origin", "../origin")
    step("dvc", "remote", "add", "-d", "team", str(clone.parent / "remote"))
    step("python", "-m", "pipeline.compose", *SMALL, ONE)
    step("dvc", "repro")
    step("git", "commit", "-qam", "small")
    step("dvc", "push")
    step("git", "push", "-q", "origin", "HEAD:main")
    settings = [word for one in [*SMALL, ONE, "evaluate.bootstrap=50"] for word in ("-S", one)]
    step("dvc", "exp", "run", "-n", "other", *settings)
    step("dvc", "exp", "push", "origin", "other")
    step("git", "restore", "-s", "HEAD", "-SW", ".")
    step("dvc", "checkout")
    sweep = "python", "-m", "pipeline.sweep", "--multirun", *SMALL, *JOBS
    step(*sweep, "hydra/launcher=parallel", "hydra.launcher.workers=2")
    return clone, said


@pytest.fixture(scope="module")
def second(first):
    """The clone of the second, who pulls."""
    folder = first[0].parent / "second"
    run("git", "clone", "-q", "-b", "main", str(folder.parent / "origin"), str(folder), cwd="/")
    pulled = python("-m", "dvc", "pull", cwd=folder)
    assert pulled.returncode == 0, pulled.output
    return folder


def runs(server):
    mlflow.set_tracking_uri(server)
    return mlflow.search_runs(experiment_names=["anime-ratings"], output_format="list")


def recommended(folder):
    done = python("-m", "pipeline.recommend", "--user", str(user(folder)), "--json", cwd=folder)
    assert done.returncode == 0, done.output
    return json.loads(done.stdout)


def user(folder):
    return pd.read_parquet(folder / "models/trained/users.parquet")["user_id"].iloc[1]


def test_who_pulls_has_the_model_and_the_report_without_training(first, second):
    assert recommended(second) == recommended(first[0])
    assert (second / "metrics/report.html").exists()
    assert "up to date" in python("-m", "dvc", "status", cwd=second).output
    assert run("git", "status", "--porcelain", cwd=second).stdout == ""


def test_who_pulls_continues_the_run_of_the_first(first, second, server):
    before = {r.info.run_id for r in runs(server)}
    done = python("-m", "pipeline.evaluate", cwd=second, MLFLOW_TRACKING_URI=server)
    assert done.returncode == 0, done.output
    assert {r.info.run_id for r in runs(server)} == before
    assert run("git", "status", "--porcelain", cwd=second).stdout == ""


def test_an_experiment_of_the_first_is_applied_by_the_second(second):
    for command in (["pull", "origin", "other"], ["apply", "other"]):
        done = python("-m", "dvc", "exp", *command, cwd=second)
        assert done.returncode == 0, done.output
    assert "bootstrap: 50" in (second / "params.yaml").read_text(encoding="utf-8")
    assert "up to date" in python("-m", "dvc", "status", cwd=second).output
    recommended(second)
    run("git", "checkout", "-q", ".", cwd=second)
    python("-m", "dvc", "checkout", cwd=second)


def test_each_job_of_a_sweep_is_on_the_server_and_its_best_is_promoted(first, second, server):
    jobs = [r for r in runs(server) if "mlflow.parentRunId" in r.data.tags]
    assert Counter(r.info.status for r in jobs) == {"FINISHED": 2}
    assert all("test_mse" in r.data.metrics for r in jobs)
    best = min(jobs, key=lambda r: r.data.metrics["best_valid_mse"])
    done = python("-m", "pipeline.promote", "winner", cwd=second, MLFLOW_TRACKING_URI=server)
    assert done.returncode == 0, done.output
    assert best.info.run_id in (second / "conf/experiment/winner.yaml").read_text(encoding="utf-8")


def test_the_champion_of_the_server_answers_as_the_model_of_the_clone_does(first, server, tmp_path):
    mlflow.set_tracking_uri(server)
    version = mlflow.MlflowClient().get_model_version_by_alias(
        "anime-ratings-synthetic", "champion"
    )
    digest = model_digest(first[0] / "models/trained")
    assert mlflow.get_run(version.run_id).data.tags["model_digest"] == digest
    model = "models:/anime-ratings-synthetic@champion"
    body = {"dataframe_records": [{"user_id": int(user(first[0]))}], "params": {"k": 3}}
    with serving.service(model, server, cwd=tmp_path) as address:
        status, answer, _ = send(address, json.dumps(body).encode())
    assert status == 200, answer
    found = json.loads(answer)["predictions"]
    assert [t["anime_id"] for t in found] == [t["anime_id"] for t in recommended(first[0])[:3]]


def test_the_password_in_the_address_is_written_and_said_nowhere(first, second):
    clone, said = first
    assert SECRET not in "".join(said)
    written = [
        path
        for folder in (clone, second, clone.parent / "remote", clone.parent / "origin")
        for path in folder.rglob("*")
        if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert written == []
