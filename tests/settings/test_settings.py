"""Settings: params.yaml is what conf/ composes to, and the check refuses every wrong setting."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from pipeline.compose import compose
from pipeline.config import check, load
from pipeline.errors import UserError
from pipeline.paths import PARAMS, ROOT
from pipeline.plugins.hydra_plugins.from_root import from_root

GROUPS = {
    f"{folder.name}={file.stem}"
    for folder in (ROOT / "conf").iterdir()
    if folder.is_dir()
    for file in folder.glob("*.yaml")
}


def settings(*overrides):
    return OmegaConf.create(compose(list(overrides)))


def test_params_yaml_is_what_conf_composes_to():
    assert PARAMS.read_text() == compose([]), "run `python -m pipeline.compose`"


@pytest.mark.parametrize("choice", sorted(GROUPS))
def test_every_choice_of_every_group_composes_and_passes_the_check(choice):
    path = ["dataset.path=some/folder"] if choice in ("dataset=local", "dataset=ratings") else []
    assert check(settings(choice, *path))


def test_a_model_has_the_parts_its_name_says():
    parts = {name: check(settings(f"model={name}")).model for name in ("wide", "deep", "wide_deep")}
    assert [m.wide is not None for m in parts.values()] == [True, False, True]
    assert [m.deep is not None for m in parts.values()] == [False, True, True]
    assert {name: model.name for name, model in parts.items()} == {name: name for name in parts}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("train.epoch", 3, "train.epoch: Key 'epoch' not in 'Train'"),
        ("train.epochs", "many", "train.epochs: Value 'many'"),
        ("train.epochs", 0, "train.epochs: 0 is out of range; allowed is 1 to"),
        ("features.test_share", 1.5, "features.test_share: 1.5 is out of range"),
        ("train.precision", "half", "train.precision: 'half' is unknown; any of ('float32',"),
        ("features.split", "rnd", "features.split: 'rnd' is unknown; any of ('auto', 'random'"),
        ("engine.name", "dask", "engine.name: 'dask' is unknown; one of duckdb, pyspark"),
        ("engine.threads", 0, "engine.threads: 0 is out of range"),
        ("dataset.min_rating", 10, "dataset.min_rating: must be below dataset.max_rating"),
        ("dataset.max_rating", 2000, "dataset.max_rating: 2000 is out of range"),
        ("train.seed", -1, "train.seed: -1 is out of range; allowed is 0 to"),
        ("model.deep.units", [64, 0], "model.deep.units: a layer has at least 1 unit, not 0"),
        ("model.wide.crosses", ["mood"], "model.wide.crosses: 'mood' is unknown"),
        ("model.wide.crosses", ["type", "type"], "model.wide.crosses: 'type' is listed twice"),
        ("model.name", "banana", "model.name is a setting of an earlier version: remove it"),
        ("features.min_titles", 2, "features.min_titles is a setting of an earlier version: it is"),
        ("posterior.history", 64, "posterior.history is a setting of an earlier version: it is"),
        ("evaluate.sample", 9999, "evaluate.sample is a setting of an earlier version: it is call"),
        ("posterior.members", ["grades", "grades"], "posterior.members: 'grades' is listed twice"),
        ("posterior.members", [], "posterior.members: one or more of"),
        ("posterior.attributes", ["mood"], "posterior.attributes: 'mood' is unknown"),
        ("posterior.crosses", ["studios"], "posterior.crosses: 'studios' must be in posterior.at"),
        (
            "engine.memory_limit",
            "banana",
            "engine.memory_limit: 'banana' is not an amount of memory",
        ),
        ("engine.memory_limit", "0GB", "engine.memory_limit: '0GB' is not an amount of memory"),
        ("engine.memory_limit", "-1GB", "engine.memory_limit: '-1GB' is not an amount of memory"),
        ("dataset.source", "kagle", "dataset.source: 'kagle' is unknown; one of kaggle, local"),
        ("training", {}, "training: Key 'training' not in 'Config'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_wrong(key, value, message):
    wrong = settings()
    OmegaConf.update(wrong, key, value, force_add=True)
    with pytest.raises(UserError) as error:
        check(wrong)
    assert str(error.value).startswith(message)


def test_a_missing_setting_is_named():
    incomplete = settings()
    del incomplete.train.seed
    with pytest.raises(UserError, match=r"train\.seed"):
        check(incomplete)


def test_a_missing_params_file_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match=r"python -m pipeline\.compose"):
        load(tmp_path / "params.yaml")


def test_a_relative_path_starts_at_the_repository_in_any_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    watch = settings("dataset=local", "dataset.path=../there").dataset.watch
    assert Path(watch.data) == ROOT.parent / "there"
    assert Path(watch.test) == ROOT.parent / "there"
    scores = settings("dataset=local", "dataset.path=a", "dataset.test_scores=/b/c.csv")
    assert scores.dataset.watch.test == "/b/c.csv"
    assert from_root(None, "x") == str(ROOT / "x")


def test_a_path_edited_in_params_yaml_is_refused_because_dvc_would_watch_the_old_one():
    edited = settings("dataset=local", "dataset.path=one")
    edited.dataset.path = "another"
    with pytest.raises(UserError, match=r"-S dataset=NAME -S dataset\.path=another"):
        check(edited)


def test_without_a_path_a_downloaded_source_watches_a_path_that_is_the_same_on_every_machine():
    assert settings("dataset=mal_2023").dataset.watch.data == "pipeline/sources"
    placed = settings("dataset=mal_2023", "dataset.path=../there").dataset.watch
    assert (Path(placed.data), placed.test) == (ROOT.parent / "there", placed.data)


def test_the_local_source_needs_a_path():
    with pytest.raises(UserError, match=r"dataset\.path is not set"):
        settings("dataset=local")
