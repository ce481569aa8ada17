"""Wrong uses of every command: one sentence names the culprit, and nothing is left half-written."""

import os
import runpy
import sys
from pathlib import Path

import pytest
from helpers.commands import python
from omegaconf import OmegaConf

from pipeline.compose import compose
from pipeline.paths import ROOT

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0"


@pytest.fixture
def place(monkeypatch, tmp_path):
    """A working folder with the default settings and files that are no lists."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW", "DVC"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(compose([]))
    (tmp_path / "folder").mkdir()
    files = {
        "empty.csv": b"", "binary.csv": bytes(range(256)), "image.csv": PNG, "file": b"",
        "pairs.csv": b"user_id,anime_id\n1,1\n", "half.csv": b"user_id\n1\n",
        "no_columns.csv": b"a,b\n1,2\n", "cut.xml.gz": b"\x1f\x8b\x08\0\0",
        "wrong.xml": b"<a><b>", "wrong.json": b"{", "text.parquet": b"no table",
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def snapshot(folder):
    """The bytes of all files, those of MLflow's store left out."""
    files = [file for file in folder.rglob("*") if file.is_file() and "mlflow" not in file.name]
    return {file: file.read_bytes() for file in files}


def ends(module, words, monkeypatch, capsys):
    """Run a command in this process; returns what it said. Anything but a sentence fails."""
    monkeypatch.setattr(sys, "argv", [module, *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"pipeline.{module}", run_name="__main__")
    assert ended.value.code not in (0, None)
    text = ended.value.code if isinstance(ended.value.code, str) else ""
    return capsys.readouterr().err + text


WORDS = [  # module, words, what the sentence names
    ("compose", ["train.epoch=3"], "train.epoch"),
    ("compose", ["train.epochs=many"], "train.epochs"),
    ("compose", ["train.epochs=0"], "train.epochs: 0"),
    ("compose", ["train.epochs="], "train.epochs"),
    ("compose", ["train.epochs=1,2"], "train.epochs=1,2"),
    ("compose", ["train.epochs='"], "train.epochs='"),
    ("compose", ["train.learning_rate=nan"], "train.learning_rate: nan"),
    ("compose", ["train.threads=-1"], "train.threads: -1"),
    ("compose", ["+train.foo=1"], "train.foo"),
    ("compose", ["+foo=1"], "foo"),
    ("compose", ["~train"], "train: a value is missing"),
    ("compose", ["~train.seed"], "train.seed: a value is missing"),
    ("compose", ["~engine"], "engine.name"),
    ("compose", ["train=3"], "a group takes the name of a file"),
    ("compose", ["model.deep.units=[64,x]"], "model.deep.units[1]: Value 'x'"),
    ("compose", ["model.deep.units=5"], "model.deep.units"),
    ("compose", ["model.deep.dropout=null"], "model.deep.dropout"),
    ("compose", ["model=wide", "+model.deep.dropout=0.2"], "model.deep.embedding: a value"),
    ("compose", ["model.wide=null", "model.deep=null"], "model: needs a wide part"),
    ("compose", ["features.split=banana"], "features.split: 'banana'"),
    ("compose", ["features.split=${oc.env:NOT_THERE}"], "NOT_THERE"),
    ("compose", ["train.seed=${nowhere}"], "nowhere"),
    ("compose", ["train.seed=${train.seed}"], "train.seed"),
    ("compose", ["posterior=null"], "a group takes the name"),
    ("compose", ["posterior=nothing"], "posterior/nothing"),
    ("compose", ["posterior=none", "posterior.sweeps=20"], "posterior.sweeps"),
    ("compose", ["posterior=none", "+posterior.sweeps=20"], "posterior.members: a value"),
    ("compose", ["posterior.members=grades"], "posterior.members"),
    ("compose", ["experiment=nothing"], "experiment/nothing"),
    ("compose", ["experiment=123"], "a group takes the name"),
    ("compose", ["dataset=kagle"], "dataset/kagle"),
    ("compose", ["dataset=local"], "dataset.path is not set"),
    ("compose", ["dataset.source=../x"], "dataset.source: '../x'"),
    ("compose", ["engine=pyspark", "engine.spark=null"], "engine.spark"),
    ("compose", ["engine.memory_limit=much"], "engine.memory_limit: 'much'"),
    ("compose", ["nothing"], "nothing"),
    ("compose", [""], "conf"),
    ("compose", ["-cn", "other"], "-cn"),
    ("compose", ["--multirun"], "--multirun"),
    ("download", ["train.epochs=3"], "train.epochs=3"),
    ("clean", [], "data/raw is missing"),
    ("features", [], "data/clean is missing"),
    ("train", [], "data/features is missing"),
    ("evaluate", [], "data/features is missing"),
    ("summary", [], "metrics/evaluate.json"),
    ("promote", [], "name"),
    ("promote", ["../x"], "../x"),
    ("promote", ["quick"], "quick.yaml exists"),
    ("promote", ["1"], "a letter first"),
    ("promote", ["new"], "no sweep is in MLflow yet"),
    ("promote", ["new", "--run", "0123"], "--run 0123"),
    ("promote", ["new", "--run", "it's"], "--run it's"),
    ("ui", ["banana"], "banana"),
    ("ui", ["99999"], "99999"),
    ("predict", ["pairs.csv"], "--out"),
    ("predict", ["nothing.csv", "--out", "out.csv"], "nothing.csv"),
    ("predict", ["folder", "--out", "out.csv"], "folder"),
    ("predict", ["pairs.csv", "--out", "out.csv", "--model", "nowhere"], "nowhere"),
    ("predict", ["pairs.csv", "--out", "out.csv", "--model", "file"], "file"),
    ("predict", ["pairs.csv", "--out", "out.csv", "--model", "folder"], "folder"),
    ("predict", ["pairs.csv", "--out", "out.parquet"], "out.parquet"),
    ("predict", ["pairs.csv", "--out", "nowhere/out.csv"], "nowhere"),
    ("recommend", [], "--user"),
    ("recommend", ["--user", "1", "--model", "nowhere"], "nowhere"),
    ("recommend", ["--user", "1", "--model", "file"], "file"),
    ("recommend", ["--user", "1", "--model", "folder"], "folder"),
    ("recommend", ["--user", "1", "--like", "2"], "--like"),
    ("recommend", ["--user", "1", "-k", "many"], "many"),
    ("recommend", ["--user", "1", "-k", "0"], "-k 0"),
    ("recommend", ["--user", "1", "--diversity", "2"], "--diversity"),
    ("recommend", ["--user", "1", "--planned", "maybe"], "--planned"),
    ("recommend", ["--user", "1", "--min-raters", "-1"], "--min-raters"),
    ("recommend", ["--user", "1", "--ignore-below", "nan"], "--ignore-below"),
    ("recommend", ["--all"], "--all"),
    ("recommend", ["--user", "1", "--nonsense"], "--nonsense"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "words", "culprit"), WORDS, ids=lambda part: str(part)[:60])
def test_wrong_words_are_named_and_change_nothing(
    place, monkeypatch, capsys, module, words, culprit
):
    before, conf = snapshot(place), snapshot(ROOT / "conf")
    said = ends(module, words, monkeypatch, capsys)
    assert culprit in said
    assert "Traceback" not in said
    assert snapshot(place) == before
    assert snapshot(ROOT / "conf") == conf


LISTS = ["nothing.csv", "folder", "empty.csv", "binary.csv", "image.csv", "cut.xml.gz",
         "no_columns.csv", "wrong.xml", "wrong.json"]  # fmt: skip
TABLES = ["empty.csv", "binary.csv", "image.csv", "no_columns.csv", "half.csv", "text.parquet"]


@pytest.mark.parametrize("name", LISTS)
def test_a_file_that_is_no_list_is_named(place, models, monkeypatch, capsys, name):
    words = ["--ratings", name, "--model", models]
    assert name in ends("recommend", words, monkeypatch, capsys)


@pytest.mark.parametrize("name", TABLES)
def test_a_file_that_is_no_table_of_pairs_is_named(place, models, monkeypatch, capsys, name):
    before = snapshot(place)
    out = f"out{Path(name).suffix}"
    words = [name, "--out", out, "--model", models]
    assert name in ends("predict", words, monkeypatch, capsys)
    assert snapshot(place) == before


PARAMS = [  # what becomes of params.yaml, what the sentence names
    (lambda text: None, "params.yaml is missing"),
    (lambda text: "", "dataset"),
    (lambda text: "[1, 2]", "expected sections"),
    (lambda text: "train: [", "params.yaml is not readable as YAML"),
    (lambda text: text.replace("epochs: 20", "epochs: many"), "train.epochs: Value 'many'"),
    (lambda text: text.replace("epochs: 20", "epochs: 0"), "train.epochs: 0"),
    (lambda text: text.replace("epochs: 20", "epoch: 20"), "train.epoch"),
    (lambda text: text[: text.index("train:")], "train: a value is missing"),
    (lambda text: text.replace("- 64", "- x"), "model.deep.units[0]: Value 'x'"),
    (lambda text: text.replace("split: auto", "split: banana"), "features.split: 'banana'"),
    (lambda text: text + "extra: 1\n", "extra"),
    (lambda text: "\x00", "params.yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "culprit"), PARAMS, ids=[culprit for _, culprit in PARAMS])
def test_a_broken_params_file_is_named_with_the_way_back(place, monkeypatch, capsys, edit, culprit):
    path = place / "params.yaml"
    text = edit(path.read_text())
    path.unlink() if text is None else path.write_text(text)
    before = snapshot(place)
    for stage in ("download", "train"):
        said = ends(stage, [], monkeypatch, capsys)
        assert culprit in said
        assert "python -m pipeline.compose" in said
    assert snapshot(place) == before


VARIABLES = [
    {"MLFLOW_TRACKING_URI": ""}, {"MLFLOW_TRACKING_URI": "htp:/x"}, {"MLFLOW_RUN_ID": "1"},
    {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}, {"MLFLOW_EXPERIMENT_NAME": ""},
    {"MLFLOW_TRACKING_URI": "sqlite:////nowhere/x.db"},
    {"MLFLOW_TRACKING_URI": "sqlite:///image.csv"},
]  # fmt: skip


STAGES = ["download", "clean", "features", "train", "evaluate"]


@pytest.mark.parametrize("module", [*STAGES, "promote", "ui"])
@pytest.mark.parametrize("variables", VARIABLES, ids=str)
def test_a_wrong_store_is_named_before_any_work(place, monkeypatch, capsys, module, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = snapshot(place)
    words = ["new"] if module == "promote" else []
    assert next(iter(variables)) in ends(module, words, monkeypatch, capsys)
    assert snapshot(place) == before


COMMANDS = [
    (["pipeline.compose", "train.epochs=0"], "train.epochs: 0"),
    (["pipeline.train"], "data/features is missing"),
    (["pipeline.summary"], "metrics/evaluate.json"),
    (["pipeline.promote", "quick"], "quick.yaml exists"),
    (["pipeline.ui", "0"], "0: a port"),
    (["pipeline.recommend", "--user", "1", "--model", "nowhere"], "nowhere"),
    (["pipeline.sweep", "train.epoch=3"], "train.epoch"),
    (["pipeline.sweep", "posterior=null"], "Config group override must be a string"),
    (["pipeline.sweep", "train.epochs=0"], "train.epochs: 0"),
    (["pipeline.sweep", "~train"], "train: a value is missing"),
    (["pipeline.sweep", "dataset=local"], "dataset.path is not set"),
    (["pipeline.sweep", "-m", "dataset=local", "train.seed=1,2"], "dataset.path is not set"),
    (["pipeline.sweep", "train.seed=1,2"], "--multirun"),
    (["pipeline.sweep", "--run", "--multirun"], "--multirun"),
    (["pipeline.sweep", "--nonsense"], "--nonsense"),
    (["pipeline.sweep", "-cn", "nothing"], "nothing"),
    (["pipeline.sweep", "--config-dir", "nowhere"], "nowhere"),
    (["pipeline.sweep", "--multirun", "train.learning_rate=interval(0,1)"], "INTERVAL_SWEEP"),
    (["pipeline.sweep", "--multirun", "hydra/launcher=nothing"], "hydra/launcher/nothing"),
    (["pipeline.sweep", "hydra.callbacks.mlflow.objective=stars"], "'stars' is unknown"),
    (["pipeline.sweep", "--multirun", "sweep=posterior", "posterior=none"], "posterior."),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("words", "culprit"), COMMANDS, ids=lambda part: " ".join(part)[:60])
def test_a_real_command_says_one_sentence_and_exits_with_an_error(clone, words, culprit):
    before = {path: text for path, text in snapshot(clone).items() if ".git" not in path.parts}
    done = python("-m", *words, cwd=clone)
    assert done.returncode != 0
    assert culprit in done.output
    assert "Traceback" not in done.output
    after = {path: text for path, text in snapshot(clone).items() if ".git" not in path.parts}
    made = {path for path in after if after[path] != before.get(path)}
    parts = {path.relative_to(clone).parts[0] for path in made if "__pycache__" not in path.parts}
    assert parts <= {"outputs", "multirun", ".dvc"}
    assert OmegaConf.load(clone / "params.yaml").train.epochs == 20
