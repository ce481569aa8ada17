"""End to end in a fresh clone: `dvc repro`, and what a user does with the results."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import mlflow
import pandas as pd
import pytest
from helpers.browser import needed, read
from helpers.commands import environment, python, run

from pipeline.artifact.folder import model_digest
from pipeline.files.seals import SEAL, seal

SMALL = [
    "experiment=quick", "posterior.members=[grades]",
    "dataset.users=200", "dataset.items=150", "dataset.ratings=5000",
]  # fmt: skip


@pytest.fixture(scope="module")
def repro(clone):
    """A clone in which `dvc repro` has run on a small data set; and what it printed."""
    assert python("-m", "pipeline.compose", *SMALL, cwd=clone).returncode == 0
    run("git", "commit", "-qam", "small", cwd=clone)
    done = python("-m", "dvc", "repro", cwd=clone)
    assert done.returncode == 0, done.output
    return clone


def runs(clone, epochs):
    """The MLflow runs of so many epochs, oldest first."""
    mlflow.set_tracking_uri(f"sqlite:///{clone}/mlflow.db")
    found = mlflow.search_runs(search_all_experiments=True, order_by=["start_time"])
    return found[found["params.train.epochs"] == epochs].to_dict("records")


def newest(clone):
    """The id of the newest run that evaluated the model in the work tree."""
    digest = model_digest(clone / "models" / "trained")
    found = [r for r in runs(clone, epochs="3") if r["params.evaluate.bootstrap"] == "100"]
    return next(r["run_id"] for r in reversed(found) if r["tags.model_digest"] == digest)


def figures(clone):
    return json.loads((clone / "metrics" / "evaluate.json").read_text())


def test_the_figures_are_complete_and_the_model_learns(repro):
    found = figures(repro)
    for name, (low, high) in found["ci95"].items():
        assert low <= found[name] <= high, name
    assert found["rmse"] == pytest.approx(found["mse"] ** 0.5, abs=1e-4)
    assert found["mae"] < found["rmse"]
    assert found["n"] == len(pd.read_parquet(repro / "data/features/test.parquet"))
    peers = found["baselines"]
    assert found["mse"] < peers["global_mean"]["mse"]
    assert peers["global_mean"]["better"], "the model is surely better than that"
    assert peers["user_item_bias"]["mse"] < peers["global_mean"]["mse"]
    assert peers.keys() > {"item_neighbours", "matrix_factorisation", "boosted_trees"}
    lists = found["ranking"]["catalogue"]
    assert lists.keys() > {"model", "user_item_bias", "most_rated", "ease", "ials"}
    assert lists["ease"]["ndcg"] > lists["user_item_bias"]["ndcg"]
    assert found["leaks"]["histories"] == 0


def test_every_row_read_is_kept_or_rejected_for_a_reason(repro):
    counts = json.loads((repro / "metrics" / "clean.json").read_text())
    for table in (counts[name] for name in ("ratings", "items", "users")):
        lost = sum(table["rejected"].values())
        assert table["read"] == table["kept"] + table.get("unrated", 0) + lost


def test_a_second_repro_has_nothing_to_do_and_git_sees_only_lock_and_metrics(repro):
    again = python("-m", "dvc", "repro", cwd=repro)
    assert "Data and pipelines are up to date" in again.output
    changed = run("git", "status", "--porcelain", cwd=repro).stdout.splitlines()
    assert {line[3:].split("/")[0] for line in changed} <= {"dvc.lock", "metrics"}


def test_once_committed_the_same_run_again_changes_nothing_in_git(repro):
    run("git", "commit", "-qam", "figures", cwd=repro)
    again = python("-m", "dvc", "repro", "--force", "--downstream", "train", cwd=repro)
    assert again.returncode == 0, again.output
    assert run("git", "status", "--porcelain", cwd=repro).stdout == ""


def outputs(clone):
    """The bytes of all that stages write, by path."""
    folders = [clone / "data", clone / "models", clone / "metrics"]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(clone)): file.read_bytes() for file in files}


def test_a_run_with_earlier_settings_is_restored_and_not_trained_again(repro):
    before, params = outputs(repro), (repro / "params.yaml").read_text()
    count = len(runs(repro, epochs="3"))
    (repro / "params.yaml").write_text(params.replace("train:\n  seed: 0", "train:\n  seed: 5"))
    try:
        assert python("-m", "dvc", "repro", cwd=repro).returncode == 0
    finally:
        (repro / "params.yaml").write_text(params)
    known = len(runs(repro, epochs="3"))
    assert known == count + 1
    back = python("-m", "dvc", "repro", cwd=repro)
    for stage in ("train", "evaluate"):
        assert f"Stage '{stage}' is cached - skipping run" in back.output
    assert outputs(repro) == before
    assert len(runs(repro, epochs="3")) == known, "what is restored makes no run"


def test_the_run_of_a_restored_model_is_found_when_evaluate_alone_runs_again(repro):
    trained, before = newest(repro), {run_["run_id"] for run_ in runs(repro, epochs="3")}
    assert python("-m", "pipeline.evaluate", cwd=repro).returncode == 0
    assert newest(repro) == trained
    assert {run_["run_id"] for run_ in runs(repro, epochs="3")} == before


def test_evaluate_opens_a_run_where_none_has_the_model_and_its_settings(repro):
    before, params = runs(repro, epochs="3"), (repro / "params.yaml").read_text()
    (repro / "params.yaml").write_text(params.replace("bootstrap: 100", "bootstrap: 50"))
    try:
        assert python("-m", "pipeline.evaluate", cwd=repro).returncode == 0
    finally:
        (repro / "params.yaml").write_text(params)
        run("git", "restore", "metrics", cwd=repro)
        python("-m", "dvc", "checkout", "--force", cwd=repro)
    [other] = [
        r for r in runs(repro, epochs="3") if r["run_id"] not in {b["run_id"] for b in before}
    ]
    assert other["params.evaluate.bootstrap"] == "50"
    assert other["metrics.test_mse"] == pytest.approx(figures(repro)["mse"], abs=1e-4)
    assert other["tags.model_digest"] == model_digest(repro / "models" / "trained")


def test_what_a_killed_stage_had_written_before_comes_back(repro):
    before, params = outputs(repro), (repro / "params.yaml").read_text()
    (repro / "params.yaml").write_text(params.replace("sweeps: 12", "sweeps: 5000"))
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=repro, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment(), start_new_session=True,
        ) as process:  # fmt: skip
            while not list((repro / "data" / "checkpoint").glob("draws/*/draw-*")):
                assert process.poll() is None, process.stdout.read()
                time.sleep(0.2)
            assert not (repro / "models" / "trained").exists(), "DVC removed it"
            os.killpg(process.pid, signal.SIGINT)
            text = process.stdout.read()
    finally:
        (repro / "params.yaml").write_text(params)
        shutil.rmtree(repro / "data" / "checkpoint", ignore_errors=True)
    assert "`dvc checkout` brings the data and the model back" in text
    assert "Traceback" not in text.split("interrupted")[0]
    assert python("-m", "dvc", "checkout", cwd=repro).returncode == 0
    assert run("git", "restore", "metrics", cwd=repro).returncode == 0
    assert outputs(repro) == before
    assert "up to date" in python("-m", "dvc", "status", cwd=repro).output


def test_an_edit_of_training_settings_reruns_train_and_evaluate_only(repro):
    params = (repro / "params.yaml").read_text()
    try:
        (repro / "params.yaml").write_text(params.replace("epochs: 3", "epochs: 4"))
        done = python("-m", "dvc", "repro", cwd=repro)
        assert re.findall(r"Running stage '(\w+)'", done.output) == ["train", "evaluate"]
    finally:
        (repro / "params.yaml").write_text(params)


def test_the_same_settings_give_the_same_figures_to_the_last_digit(repro):
    again = python("-m", "dvc", "repro", "--force", "--downstream", "train", cwd=repro)
    assert again.returncode == 0, again.output
    same = {"params.train.seed": "0", "params.posterior.sweeps": "12", "status": "FINISHED"}
    found = [run_ for run_ in runs(repro, epochs="3") if same.items() <= run_.items()]
    assert len({run_["tags.model_digest"] for run_ in found}) == 1
    assert len({run_["metrics.test_mse"] for run_ in found}) == 1 < len(found)


def test_one_run_spans_train_and_evaluate(repro):
    found = runs(repro, epochs="3")[-1]
    assert found["tags.model_digest"] == model_digest(repro / "models" / "trained")
    assert found["status"] == "FINISHED"
    assert found["metrics.test_mse"] == pytest.approx(figures(repro)["mse"], abs=1e-4)
    assert found["params.model.name"] == "wide_deep"
    assert {"metrics.test_rmse", "metrics.test_mae", "params.train.epochs"} <= found.keys()
    assert found["params.model.deep.units"] == "[64, 32]"
    assert len(found["tags.git_commit"]) == 40
    assert found["tags.route"] == "dvc repro"
    client = mlflow.MlflowClient()
    for name in ("train_mse", "valid_mse"):
        assert [m.step for m in client.get_metric_history(found["run_id"], name)] == [1, 2, 3]
    pictures = {file.path for file in client.list_artifacts(found["run_id"], "plots")}
    assert {"plots/learning_curve.png", "plots/lists_by_history.png"} <= pictures
    assert found["metrics.list_ndcg.ease"] > found["metrics.list_ndcg.user_item_bias"]
    assert len(client.get_run(found["run_id"]).inputs.dataset_inputs) == 3


def test_pairs_in_a_file_get_predictions_and_the_mlflow_model_agrees(repro, tmp_path):
    users = pd.read_parquet(repro / "data/features/users.parquet").user_id
    titles = pd.read_parquet(repro / "data/features/items.parquet").item_id
    pairs = pd.DataFrame(
        {
            "note": ["a known pair", "an unknown user", "an unknown title", "nobody knows"],
            "user_id": [int(users[1]), 10**9, int(users[1]), 10**9],
            "anime_id": [int(titles[1]), int(titles[1]), 10**9, 10**9],
        }
    )
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    command = ("-m", "pipeline.predict", tmp_path / "pairs.csv", "--out", tmp_path / "out.csv")
    done = python(*command, cwd=repro)
    assert done.returncode == 0, done.output
    out = pd.read_csv(tmp_path / "out.csv")
    assert out.columns.tolist() == ["note", "user_id", "anime_id", "prediction"]
    assert out.prediction.between(1, 10).all()
    assert out.note.tolist() == pairs.note.tolist()

    served = (  # from another folder, so that nothing but the stored model is there to import
        "import mlflow, pandas as pd, sys\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "pairs = pd.read_csv('pairs.csv')[['user_id', 'anime_id']]\n"
        "model.predict(pairs).to_csv('served.csv', index=False)\n"
    )
    logged = runs(repro, epochs="3")[0]["run_id"]
    uri = f"sqlite:///{repro}/mlflow.db"
    done = python("-c", served, f"runs:/{logged}/model", cwd=tmp_path, MLFLOW_TRACKING_URI=uri)
    assert done.returncode == 0, done.output
    served = pd.read_csv(tmp_path / "served.csv").prediction
    assert served.to_numpy() == pytest.approx(out.prediction.to_numpy(), abs=1e-3)


def recommend(repro, *arguments):
    return python("-m", "pipeline.recommend", *map(str, arguments), cwd=repro)


def test_titles_are_recommended_to_a_user_and_to_a_newcomer_without_tensorflow(repro, tmp_path):
    user = int(pd.read_parquet(repro / "data/features/users.parquet").user_id[3])
    done = recommend(repro, "--user", user, "-k", 5, "--json")
    assert done.returncode == 0, done.output
    found = json.loads(done.stdout)
    assert len(found) == 5
    assert all(1 <= row["prediction"] <= 10 for row in found)
    pairs = pd.DataFrame({"user_id": user, "anime_id": [row["anime_id"] for row in found]})
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    command = ("-m", "pipeline.predict", tmp_path / "pairs.csv", "--out", tmp_path / "out.csv")
    assert python(*command, cwd=repro).returncode == 0
    exact = pd.read_csv(tmp_path / "out.csv").prediction.tolist()
    assert [row["prediction"] for row in found] == pytest.approx(exact, abs=1e-4)

    best, title = found[0]["anime_id"], found[0]["title"]
    pd.DataFrame({"anime_id": [best], "rating": [9]}).to_csv(tmp_path / "mine.csv", index=False)
    done = recommend(repro, "--ratings", tmp_path / "mine.csv", "-k", 500, "--json")
    assert done.returncode == 0, done.output
    listed = json.loads(done.stdout)
    assert best not in {row["anime_id"] for row in listed}
    assert any(why["what"] == f"{title}, rated 9" for row in listed for why in row["why"])
    assert "│ 3 │" in recommend(repro, "--ratings", tmp_path / "mine.csv", "-k", 3).stdout
    every = recommend(repro, "--all", "--out", tmp_path / "lists.parquet", "-k", 5)
    assert every.returncode == 0, every.output
    lists = pd.read_parquet(tmp_path / "lists.parquet")
    own = lists[lists.user_id == user]
    assert own.anime_id.tolist() == [row["anime_id"] for row in found]
    like = recommend(repro, "--like", title, "-k", 3, "--json")
    assert len(json.loads(like.stdout)) == 3, like.output
    loaded = "import sys; sys.argv[1:] = ['--user', sys.argv[1]]; import pipeline.recommend as r; "
    loaded += "r.main(); assert 'tensorflow' not in sys.modules"
    assert python("-c", loaded, str(user), cwd=repro).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "nobody"], "error: no user has the id or name 'nobody'"),
        (["--ratings", "nothing.csv"], "error: nothing.csv: no such file"),
        (["--like", "qqqq zzzz xxxx"], "error: no title is called 'qqqq zzzz xxxx'"),
        (["--like", "1", "-k", "0"], "error: -k 0: from 1 to 10000"),
        (["--user", "1", "--diversity", "2"], "error: --diversity 2.0: from 0 to 1"),
        (
            ["--like", "1", "--diversity", "1"],
            "error: --diversity: only together with --user or",
        ),
        (["--all"], "error: --all and --out belong together"),
        (["--user", "1", "--out", "lists.parquet"], "error: --all and --out belong together"),
        (["--all", "--out", "nowhere/x.parquet"], "error: nowhere: no such folder to write to"),
    ],
)
def test_what_cannot_be_recommended_is_said_in_one_sentence(repro, arguments, message):
    done = recommend(repro, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("stage", ["download", "clean", "features", "train", "evaluate"])
def test_a_stage_tells_its_story_and_takes_no_arguments(repro, stage):
    assert f"Stage {stage}: " in python("-m", f"pipeline.{stage}", "--help", cwd=repro).stdout
    wrong = python("-m", f"pipeline.{stage}", "train.epochs=3", cwd=repro)
    assert wrong.returncode == 2
    assert "unrecognized arguments: train.epochs=3" in wrong.stderr


def test_the_closing_table_shows_the_model_beside_its_baselines(repro):
    shown = python("-m", "pipeline.summary", cwd=repro).output
    for found in (figures(repro), *figures(repro)["baselines"].values()):
        assert f"{found['mse']:.4f}" in shown


def test_the_plots_render(repro):
    assert python("-m", "dvc", "plots", "show", cwd=repro).returncode == 0
    page = (repro / "dvc_plots" / "index.html").read_text()
    assert "Residual by true rating" in page
    assert "<DVC_METRIC" not in page, "every place of the templates is filled"


def test_a_leak_stops_evaluate_and_leaves_the_figures_as_they_were(repro):
    before, users = figures(repro), repro / "data/features/users.parquet"
    kept, sums = users.read_bytes(), (users.parent / SEAL).read_text()
    table = pd.read_parquet(users)
    users.unlink()  # a link or a file that DVC owns
    table.assign(user_sum=table.user_sum + 1).astype(table.dtypes).to_parquet(users, index=False)
    seal(users.parent)
    try:
        done = python("-m", "pipeline.evaluate", cwd=repro)
    finally:
        users.unlink()
        users.write_bytes(kept)
        (users.parent / SEAL).write_text(sums)
    assert done.returncode == 1
    assert "error: evaluate: LEAK: " in done.output
    assert "Traceback" not in done.output
    assert figures(repro) == before


def test_the_report_is_one_page_and_with_the_run(repro):
    page = (repro / "metrics" / "report.html").read_text()
    run_id = newest(repro)
    for figure in (figures(repro)["mse"], figures(repro)["baselines"]["boosted_trees"]["mse"]):
        assert f"{figure:.4f}" in page
    assert '="http' not in page, "nothing comes from the network"
    assert page.count("data:image/png;base64,") == 8
    mlflow.set_tracking_uri(f"sqlite:///{repro}/mlflow.db")
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/report.html") == page


@pytest.mark.parametrize("width", [1200, 390])
def test_the_report_opens_without_network_on_a_desk_and_on_a_phone(repro, tmp_path, width):
    needed()
    wrong, wide = read(repro / "metrics" / "report.html", tmp_path / "top.png", width)
    assert wrong == []
    assert wide == width, "nothing sticks out at the side"
