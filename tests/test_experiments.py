"""End to end in a fresh clone: `dvc exp run` on files of the user's own, and what can go wrong."""

import json
import shutil

import mlflow
import numpy as np
import pandas as pd
import pytest
from helpers.commands import python, run
from helpers.tables import real_data
from omegaconf import OmegaConf

from pipeline.settings.sections import Watch
from pipeline.sources import synthetic
from pipeline.tables.raw import SCORES_CSV

PAIR = ["user_id", "anime_id", "rating"]


@pytest.fixture(scope="module")
def data(clone):
    """A folder of the three files beside the clone, and a fifth of the ratings as a test set."""
    folder = clone.parent / "data"
    folder.mkdir()
    synthetic.write(
        synthetic.Settings("synthetic", 1, 10, Watch("", ""), 0, 200, 150, 5000, 0.4), folder
    )
    scores = pd.read_csv(folder / SCORES_CSV).drop_duplicates(["user_id", "anime_id"])
    tested = np.random.default_rng(0).random(len(scores)) < 0.2
    scores[tested].to_csv(folder / "test.csv", index=False)
    scores[~tested].to_csv(folder / SCORES_CSV, index=False)
    return folder


def experiment(clone, *overrides, flags=()):
    options = [word for override in overrides for word in ("-S", override)]
    return python("-m", "dvc", "exp", "run", *flags, *options, cwd=clone)


QUICK = ["experiment=quick", "posterior.members=[grades]"]
LOCAL = [*QUICK, "dataset=local", "dataset.path=../data"]


@pytest.fixture(scope="module")
def ran(clone, data):
    """The clone after an experiment on the folder with its test set."""
    done = experiment(clone, *LOCAL, "dataset.test_scores=../data/test.csv")
    assert done.returncode == 0, done.output
    return clone


def snapshot(clone):
    """The bytes of every output, once DVC and git have brought back what a failed stage had."""
    python("-m", "dvc", "checkout", cwd=clone)
    run("git", "restore", "metrics", cwd=clone)
    folders = [clone / name for name in ("data", "models", "metrics")]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return {file: file.read_bytes() for file in files}


def test_the_test_rows_are_those_of_the_file_and_no_training_row_is(ran, data):
    tables = {
        file.stem: pd.read_parquet(file) for file in (ran / "data/features").glob("*.parquet")
    }

    def pairs(part):
        rows = tables[part].merge(tables["users"][["user", "user_id"]], on="user")
        rows = rows.merge(tables["items"][["item", "item_id"]], on="item")
        columns = rows[["user_id", "item_id", "rating"]].dropna().astype(int)
        return set(map(tuple, columns.to_numpy()))

    expected = set(map(tuple, pd.read_csv(data / "test.csv")[PAIR].to_numpy()))
    assert json.loads((ran / "metrics/evaluate.json").read_text())["n"] == len(expected)
    assert pairs("test") <= expected
    assert not (pairs("train") | pairs("valid")) & expected
    given = pd.read_csv(data / SCORES_CSV).query("1 <= rating <= 10")
    assert len(tables["train"]) + len(tables["valid"]) == len(given)


def test_a_changed_file_is_noticed(ran, data):
    assert "download" not in python("-m", "dvc", "status", cwd=ran).output
    before = (data / "test.csv").read_text()
    (data / "test.csv").write_text(before.replace(",7\n", ",6\n", 1))
    try:
        assert "Running stage 'download'" in python("-m", "dvc", "repro", "--dry", cwd=ran).output
    finally:
        (data / "test.csv").write_text(before)


def test_queued_experiments_find_the_relative_path_and_keep_their_runs(ran, data):
    for model in ("wide", "deep"):
        queued = experiment(
            ran, *LOCAL, f"model={model}", flags=("--queue", "--name", f"q-{model}")
        )
        assert queued.returncode == 0, queued.output
    done = python("-m", "dvc", "exp", "run", "--run-all", cwd=ran, MLFLOW_EXPERIMENT_NAME="new")
    assert done.returncode == 0, done.output
    mlflow.set_tracking_uri(f"sqlite:///{ran}/mlflow.db")
    found = mlflow.search_runs(experiment_names=["new"]).set_index("tags.mlflow.runName")
    for model in ("wide", "deep"):
        run_ = found.loc[f"q-{model}"]
        assert run_["params.model.name"] == model
        assert run_["status"] == "FINISHED"
        assert run_["metrics.test_mse"] > 0
        assert run_["tags.route"] == "dvc exp"
        picture = mlflow.artifacts.list_artifacts(run_id=run_.run_id, artifact_path="plots")
        assert picture, "the artifacts of a queued run outlive its temporary folder"


def test_the_true_heads_of_the_files_go_all_the_way(ran):
    path = real_data("mal_2023_head").resolve()
    done = experiment(ran, *QUICK, "dataset=local", f"dataset.path={path}")
    restored(ran)
    assert done.returncode == 0, done.output
    assert "Traceback" not in done.output


def restored(clone):
    run("git", "checkout", "-q", "params.yaml", cwd=clone)


def test_an_experiment_runs_without_posterior(ran):
    small = ["dataset.users=60", "dataset.items=60", "dataset.ratings=1500", "train.epochs=2"]
    words = ["~posterior", "experiment=full", "model.deep.history_components=8"]
    done = experiment(ran, *small, *words)
    posterior = OmegaConf.load(ran / "params.yaml").posterior
    restored(ran)
    assert done.returncode == 0, done.output
    assert posterior is None


def test_a_refused_value_is_said_to_be_in_params_yaml_with_the_way_back(ran):
    done = experiment(ran, "train.epochs=0")
    again = python("-m", "dvc", "repro", cwd=ran)
    restored(ran)
    for said in (done.output, again.output):
        assert "train.epochs: 0 is out of range" in said
        assert "`git restore params.yaml` brings the committed settings back" in said
    assert python("-m", "dvc", "checkout", cwd=ran).returncode == 0


@pytest.mark.parametrize("uri", ["", "htp:/x", "http://127.0.0.1:1", "sqlite:////nowhere/x.db"])
def test_a_wrong_store_stops_the_first_stage_that_runs(ran, uri):
    words = ("--force", "-s", "features")
    done = python("-m", "dvc", "repro", *words, cwd=ran, MLFLOW_TRACKING_URI=uri)
    python("-m", "dvc", "checkout", cwd=ran)
    assert done.returncode != 0
    assert "error: MLFLOW_TRACKING_URI" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.epoch=3"], "Could not override 'train.epoch'"),
        (["train.epochs=many"], "error: train.epochs: Value 'many'"),
        (["dataset=local", "dataset.path=../nowhere"], "nowhere"),
        (["dataset=local"], "dataset.path is not set"),
        (["dataset=kagle"], "kagle"),
    ],
)
def test_a_wrong_override_is_named_and_the_outputs_stay(ran, overrides, message):
    before = snapshot(ran)
    done = experiment(ran, *overrides)
    restored(ran)
    assert done.returncode != 0
    assert message in done.output
    assert "Traceback" not in done.output
    assert snapshot(ran) == before


@pytest.mark.parametrize(
    ("scores", "message", "replaced"),
    [
        (None, f"{SCORES_CSV}: no such file; check dataset.path", []),
        ("user_id,anime_id\n1,2\n", f"error: {SCORES_CSV}: no column 'rating'", []),
        # A good download of bad ratings, which clean reports on.
        ("user_id,anime_id,rating\n1,2,99\n", "rating not in 1 to 10", ["raw"]),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_the_outputs_stay(
    ran, data, tmp_path, scores, message, replaced
):
    shutil.copytree(data, tmp_path, dirs_exist_ok=True)
    (tmp_path / SCORES_CSV).unlink()
    if scores is not None:
        (tmp_path / SCORES_CSV).write_text(scores)
    before = snapshot(ran)
    done = experiment(ran, "dataset=local", f"dataset.path={tmp_path}")
    restored(ran)
    assert done.returncode != 0
    assert message in done.output
    assert "Traceback" not in done.output
    after = snapshot(ran)
    changed = {file for file in before | after if before.get(file) != after.get(file)}
    assert {file.parent.name for file in changed} == set(replaced)


def test_a_new_source_is_one_module_and_one_yaml(ran):
    module = """
from dataclasses import dataclass
from pipeline.config import Dataset

FILES = {
    "users-score-2023.csv": "user_id,anime_id,rating\\n1,1,5\\n",
    "users-details-2023.csv": "Mal ID,Completed,Plan to Watch\\n1,2,3\\n",
    "anime-dataset-2023.csv": "anime_id,Name,Genres,Type,Source,Studios,Episodes\\n1,A,,,,,\\n",
}

@dataclass
class Settings(Dataset):
    greeting: str

def write(settings, folder):
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return {"greeting": settings.greeting}
"""
    settings = (
        "source: shop\nmin_rating: 1\nmax_rating: 5\ngreeting: hello\n"
        "watch: {data: pipeline/sources, test: pipeline/sources}\n"
    )
    (ran / "pipeline/sources/shop.py").write_text(module)
    (ran / "conf/dataset/shop.yaml").write_text(settings)
    try:
        options = ("-S", "dataset=shop", "-S", "clean.max_rejected=0.1")
        done = python("-m", "dvc", "exp", "run", *options, "clean", cwd=ran)
        assert done.returncode == 0, done.output
        assert json.loads((ran / "metrics/download.json").read_text())["greeting"] == "hello"
        assert json.loads((ran / "metrics/clean.json").read_text())["ratings"]["kept"] == 1
    finally:
        (ran / "pipeline/sources/shop.py").unlink()
        (ran / "conf/dataset/shop.yaml").unlink()
        restored(ran)


def test_movielens_100k_goes_all_the_way_on_its_own_split(ran):
    path = real_data("ml-100k").resolve()
    done = experiment(ran, *QUICK, "dataset=movielens_100k", f"dataset.path={path}")
    restored(ran)
    assert done.returncode == 0, done.output
    figures = json.loads((ran / "metrics/evaluate.json").read_text())
    assert figures["n"] == 20_000
    assert figures["mse"] < figures["baselines"]["global_mean"]["mse"]
    counts = json.loads((ran / "metrics/clean.json").read_text())
    assert {name: count["kept"] for name, count in counts.items()} == {
        "ratings": 100_000, "items": 1682, "users": 943
    }  # fmt: skip
