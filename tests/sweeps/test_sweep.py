"""Sweeps: every job runs once with its params, and the workspace does not change."""

import json
import shutil
import subprocess
import sys
import time

import mlflow
import psutil
import pytest
from helpers.browser import needed, ui, walk
from helpers.commands import environment, python, run
from omegaconf import OmegaConf

from pipeline.compose import compose
from pipeline.config import check
from pipeline.promote import experiment
from pipeline.sweeps.stage_cache import CACHE, digest, stage_keys

SMALL = ["dataset.users=150", "dataset.items=120", "dataset.ratings=4000", "experiment=quick"]


SWEPT = ["features.min_ratings=1,20", "model=wide,deep", "posterior.members=[grades]"]


def settings(*overrides):
    return OmegaConf.create(compose([*SMALL, *overrides]))


def sweep(clone, *overrides):
    done = python("-m", "pipeline.sweep", "--multirun", *SMALL, *overrides, cwd=clone)
    assert "Traceback" not in done.output, done.output
    return done


def children(parent=None):
    """The runs of the jobs of a sweep, or of all sweeps."""
    runs = mlflow.search_runs(["1"], output_format="list")
    tag = "mlflow.parentRunId"
    jobs = [run_ for run_ in runs if tag in run_.data.tags]
    return [job for job in jobs if parent in (None, job.data.tags[tag])]


def test_a_key_changes_with_the_params_of_its_stage_and_of_stages_before():
    plain = stage_keys(settings())
    assert stage_keys(settings("train.seed=7", "model=wide")) == plain
    rarer = stage_keys(settings("features.min_ratings=5"))
    assert {name for name in plain if rarer[name] != plain[name]} == {"features"}
    assert not set(stage_keys(settings("dataset.seed=1")).values()) & set(plain.values())


def test_a_digest_covers_names_and_contents_but_not_compiled_code(tmp_path):
    (tmp_path / "a").write_text("1")
    before = digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("2")
    assert digest(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest(tmp_path) != before


JOBS = [  # overrides of jobs
    ["model=wide", "train.seed=3", "posterior.members=[normal]", "experiment=quick", "sweep=parts"],
    ["~posterior", "train.seed=3"],
    ["experiment=quick", "~posterior"],
    ["experiment=full", "posterior=none", "model=deep"],
    ["experiment=[full,quick]"],
    ["~experiment", "~sweep", "train.epochs=4"],
    ["~model.deep"],
    ["model.deep=null"],
    ["engine=pyspark", "+engine.spark.driver.cores=2", "engine.spark.master='local[1]'"],
    ["engine=pyspark", "+engine.spark={ui:{enabled:false}}"],
    ["train={epochs:7,seed:2}", "++train.seed=5"],
    ["model.deep.units=[16,8]", "model.wide.crosses=[item,'genres']"],
    ["evaluate.seed=${train.seed}", "train.seed=9"],
    ["dataset=local", "dataset.path='a b/c=d'", "dataset.test_scores=null"],
    ["dataset=movielens_100k", 'dataset.path="it\'s, here"'],
    ["train.learning_rate=1e-3", "clean.max_rejected=1", "train.threads=null"],
    ["train.epochs=int(3.9)", "model.deep.dropout=0."],
]


@pytest.mark.parametrize("overrides", JOBS, ids=" ".join)
def test_an_experiment_composes_to_the_same_settings_as_its_overrides(tmp_path, overrides):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(experiment(overrides, "Of a test."))
    job, mine = compose(overrides), compose(["experiment=mine"], tmp_path)
    assert check(OmegaConf.create(mine)) == check(OmegaConf.create(job))


@pytest.fixture(scope="module")
def swept(clone):
    """A clone after a sweep over min_ratings and model with the parallel launcher."""
    done = sweep(clone, *SWEPT, "hydra/launcher=parallel")
    assert done.returncode == 0, done.output
    mlflow.set_tracking_uri(f"sqlite:///{clone}/mlflow.db")
    return clone


def test_the_ui_shows_a_sweep_its_jobs_and_its_picture(swept, tmp_path):
    needed()
    parent = newest()
    with ui(swept, environment()) as address:
        walk(address, "1", parent, children(parent.info.run_id), tmp_path)
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {"results.png", "sweep.png", "plot.png"}


def newest():
    """The run of the newest sweep."""
    return mlflow.search_runs(["1"], filter_string="tags.sweep != ''", output_format="list")[0]


def test_each_job_is_a_child_run_with_tables_for_its_settings(swept):
    jobs = children()
    assert len(jobs) == 4
    assert {run_.info.status for run_ in jobs} == {"FINISHED"}
    names = {f"features.min_ratings={n} model={m}" for n in (1, 20) for m in ("wide", "deep")}
    assert {run_.info.run_name for run_ in jobs} == names
    by_data = {}
    for run_ in jobs:
        by_data.setdefault(run_.data.params["features.min_ratings"], set()).add(
            run_.data.tags["data"]
        )
    assert [len(data) for data in by_data.values()] == [1, 1]
    assert by_data["1"] != by_data["20"]
    assert len([path for path in (swept / CACHE / "features").iterdir() if path.is_dir()]) == 2
    assert len([path for path in (swept / CACHE / "clean").iterdir() if path.is_dir()]) == 1


def test_the_parent_run_has_the_figures_of_the_best_job(swept):
    best = min(children(), key=lambda run_: run_.data.metrics["best_valid_mse"])
    parent = mlflow.get_run(best.data.tags["mlflow.parentRunId"])
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["test_mse"] == best.data.metrics["test_mse"]
    names = {file.path for file in mlflow.MlflowClient().list_artifacts(parent.info.run_id)}
    assert {"jobs.csv", "plots"} <= names


def test_a_sweep_leaves_the_workspace_as_it_was(swept):
    assert run("git", "status", "--porcelain", cwd=swept).stdout == ""
    assert not (swept / "models" / "trained").exists()


def test_the_same_sweep_again_runs_no_job_again(swept):
    before = {run_.info.run_id for run_ in children()}
    done = sweep(swept, *SWEPT)
    assert done.returncode == 0, done.output
    assert {run_.info.run_id for run_ in children()} == before


def test_invalid_settings_fail_their_job_and_no_other(swept):
    done = sweep(swept, "features.test_share=0.3,1.5", "posterior=none", "model=wide")
    assert "features.test_share" in done.output
    assert done.returncode == 1
    jobs = children(newest().info.run_id)
    assert sorted(run_.info.status for run_ in jobs) == ["FAILED", "FINISHED"]


def test_a_promoted_job_is_reproduced_to_the_last_digit(swept):
    done = python("-m", "pipeline.promote", "winner", cwd=swept)
    assert done.returncode == 0, done.output
    job = mlflow.get_run(
        (swept / "conf/experiment/winner.yaml").read_text().split("Run ")[1].split(":")[0]
    )
    assert python("-m", "dvc", "repro", cwd=swept).returncode == 0
    figures = json.loads((swept / "metrics/evaluate.json").read_text())
    rerun = mlflow.search_runs(["1"], filter_string="tags.route = 'dvc repro'").iloc[0]
    assert rerun["metrics.test_mse"] == job.data.metrics["test_mse"]
    assert figures["mse"] == round(job.data.metrics["test_mse"], 4)
    again = python("-m", "pipeline.promote", "winner", cwd=swept)
    assert again.returncode == 1
    assert "exists" in again.output


def refused_promotion(clone, name):
    """What promote says when it refuses; it leaves nothing behind."""
    params = (clone / "params.yaml").read_text()
    done = python("-m", "pipeline.promote", name, cwd=clone)
    assert done.returncode == 1
    assert not (clone / "conf/experiment" / f"{name}.yaml").exists()
    assert (clone / "params.yaml").read_text() == params
    return done.output


def test_a_deleted_posterior_is_swept_and_promoted_unless_conf_no_longer_gives_it(swept):
    done = sweep(swept, "~posterior", "train.seed=21")
    assert done.returncode == 0, done.output
    path = swept / "conf/evaluate/default.yaml"
    before = path.read_text()
    path.write_text(before.replace("ranking_users: 1000", "ranking_users: 900"))
    said = refused_promotion(swept, "changed")
    path.write_text(before)
    assert "evaluate.ranking_users is 900" in said
    assert python("-m", "pipeline.promote", "alone", cwd=swept).returncode == 0
    assert OmegaConf.load(swept / "params.yaml").posterior is None


def test_a_job_with_settings_from_elsewhere_is_swept_and_not_promoted(swept, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "two.yaml").write_text("# @package _global_\ntrain: {epochs: 2}\n")
    words = ("--config-dir", str(tmp_path), "experiment=two", "train.seed=21", *SMALL[:3])
    parts = ["posterior=none", "model=wide,deep", "features.split=cold_item"]
    done = python("-m", "pipeline.sweep", "-m", *words, *parts, cwd=swept)
    assert done.returncode == 0, done.output
    assert "experiment/two" in refused_promotion(swept, "elsewhere")
    jobs = children(newest().info.run_id)
    assert [job.info.status for job in jobs] == ["FINISHED"] * 2
    assert {job.data.params["model.name"] for job in jobs} == {"wide", "deep"}
    assert not any("posterior.sweeps" in job.data.params for job in jobs)


def test_jobs_of_the_launcher_for_clusters_are_ranked_by_their_lists_if_asked(swept):
    pytest.importorskip("submitit")
    ndcg = "hydra.callbacks.mlflow.objective=ndcg"
    words = ["model.wide.watch_l2=1,1000", "posterior=none", "hydra/launcher=submitit_local"]
    done = sweep(swept, *words, ndcg)
    assert done.returncode == 0, done.output
    assert "the best by validation NDCG of lists first" in done.output
    parent = newest()
    jobs = sorted(children(parent.info.run_id), key=lambda job: -metric(job, "valid_list_ndcg"))
    assert [job.info.status for job in jobs] == ["FINISHED"] * 2
    assert len({job.data.tags["process"] for job in jobs}) == 2
    assert metric(parent, "valid_list_ndcg") == metric(jobs[0], "valid_list_ndcg")
    assert python("-m", "pipeline.promote", "lists", cwd=swept).returncode == 0
    assert jobs[0].info.run_id in (swept / "conf/experiment/lists.yaml").read_text()
    unknown = sweep(swept, "train.seed=1,2", "hydra.callbacks.mlflow.objective=stars")
    assert unknown.returncode == 1
    assert "'stars' is unknown; any of ('mse', 'ndcg')" in unknown.output


def metric(run_, name):
    return run_.data.metrics[name]


def test_a_search_prunes_jobs_and_proposes_the_same_ones_when_called_again(swept):
    pytest.importorskip("optuna")
    space = ["hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=1", "hydra/launcher=basic"]
    pruner = "hydra.callbacks.mlflow.pruner"
    eager = [f"{pruner}.n_startup_trials=2", f"{pruner}.n_warmup_steps=0", "train.epochs=4"]
    words = ["--multirun", *SMALL[:3], "sweep=network", *space, *eager]
    done = python("-m", "pipeline.sweep", *words, cwd=swept)
    assert done.returncode == 0, done.output
    jobs = children(newest().info.run_id)
    assert len(jobs) == 6
    pruned = [run_ for run_ in jobs if "pruned" in run_.data.tags]
    assert 1 <= len(pruned) <= 4
    assert {run_.info.status for run_ in pruned} == {"KILLED"}
    assert all("test_mse" not in run_.data.metrics for run_ in pruned)
    assert done.stdout.count("stopped") == len(pruned)
    again = python("-m", "pipeline.sweep", *words, cwd=swept)
    assert again.returncode == 0, again.output
    assert len(children(newest().info.run_id)) == 6


def test_every_job_was_compared_with_the_champion(swept):
    finished = [run_ for run_ in children() if run_.info.status == "FINISHED"]
    assert all("champion" in run_.data.tags for run_ in finished)
    version = mlflow.MlflowClient().get_model_version_by_alias(
        "anime-ratings-synthetic", "champion"
    )
    tag = mlflow.get_run(version.run_id).data.tags["champion"]
    assert tag.startswith(f"became version {version.version}")
    model = mlflow.pyfunc.load_model("models:/anime-ratings-synthetic@champion")
    assert model.metadata.signature is not None


def test_a_killed_job_ends_no_other_and_runs_again_in_the_next_call(swept):
    chain = ["posterior.members=[grades]", "posterior.sweeps=60"]
    command = [*SMALL, "train.seed=5,6", *chain, "hydra/launcher=parallel"]
    jobs = swept / ".dvc" / "tmp" / "jobs"
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline.sweep", "--multirun", *command],
        cwd=swept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(),
    ) as process:  # fmt: skip
        while not (at_work := list(jobs.glob("*/data/checkpoint/draws/*/draw-*"))):
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.2)
        folder = at_work[0].parents[4]
        worker = next(p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(folder))
        worker.kill()
        text = process.stdout.read()
    assert "was killed" in text
    assert process.returncode == 1
    statuses = sorted(run_.info.status for run_ in children(newest().info.run_id))
    assert statuses == ["FINISHED", "KILLED"]
    done = sweep(swept, *command[len(SMALL) :])
    assert done.returncode == 0, done.output
    statuses = sorted(run_.info.status for run_ in children(newest().info.run_id))
    assert statuses == ["FINISHED", "FINISHED", "KILLED"]
    shutil.rmtree(swept / "multirun")
