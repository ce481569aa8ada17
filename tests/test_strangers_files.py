"""Files and command lines from strangers: what is in them is data, and nothing in them is run."""

import json
import os
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from helpers.commands import python

from pipeline.artifact.scale import Scale
from pipeline.artifact.watch import load_watch
from pipeline.config import load
from pipeline.errors import UserError
from pipeline.evaluation import report
from pipeline.evaluation.pictures import draw
from pipeline.paths import METRICS, PARAMS, PLOTS, ROOT
from pipeline.plots import png, without_markup
from pipeline.recommender.scorer import Scorer
from pipeline.sources import archives
from pipeline.sweeps.comparison import print_jobs
from pipeline.sweeps.targets import check_targets
from pipeline.tracking.objective import OBJECTIVES

MARKUP, FORMULA = (
    "<script>alert(1)</script>",
    r"A$AP \frac{$",
)  # invalid in TeX's language, in which matplotlib would read it


class Payload:
    """What makes a file in the working directory when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("hacked",)


@pytest.fixture(autouse=True)
def _nothing_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("!!python/object/apply:os.mkdir [hacked]", "python/object/apply:os.mkdir"),
        ("!!python/name:os.mkdir ''", "python/name:os.mkdir"),
        ("${oc.env:SECRET}", "plain values"),
        ("x${oc.decode:${oc.env:SECRET}}", "plain values"),
    ],
    ids=["call", "name", "variable", "nested variable"],
)
def test_settings_of_strangers_call_nothing_and_tell_no_variable(
    value, message, tmp_path, monkeypatch
):
    monkeypatch.setenv("SECRET", "hunter2")
    text = (ROOT / PARAMS).read_text().replace("memory_limit: 2GB", f"memory_limit: {value}")
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path / "params.yaml")
    assert "hunter2" not in str(error.value)


def archive(path, *members, size=None, flags=0):
    """Write a ZIP of members (name or ZipInfo, bytes); say another size and flags of the first."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
        first = file.filelist[0]
        first.file_size, first.flag_bits = size or first.file_size, first.flag_bits | flags
    return path


def link(name):
    """The entry of a symbolic link in a ZIP."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("../../scores.csv", b"1,2"),
        ("/etc/scores.csv", b"1,2"),
        ("a\\..\\/scores.csv", b"1,2"),
        (link("scores.csv"), b"/etc/passwd"),
    ],
    ids=["out of the folder", "absolute", "backslashes", "link"],
)
def test_an_archive_decides_neither_where_a_file_goes_nor_what_a_link_opens(name, data, tmp_path):
    place = archive(tmp_path / "a.zip", (name, data), ("scores.csv/", b""))
    file = archives.find(place, "scores.csv")["scores.csv"]
    archives.copy(file, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == data
    assert not (tmp_path / "out.csv").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "out.csv"}


def test_an_archive_that_would_fill_the_disk_is_refused_before_it_is_unpacked(tmp_path):
    place = archive(tmp_path / "a.zip", ("scores.csv", bytes(1000)), size=2**40)
    with pytest.raises(UserError, match="1,099,511,627,776 bytes, more than 100 times"):
        archives.find(place, "scores.csv")
    assert archives.files(place).keys() == {"scores.csv"}, "one that nobody reads does no harm"


def test_an_archive_with_a_password_is_a_sentence(tmp_path):
    place = archive(tmp_path / "a.zip", ("scores.csv", b"1,2"), flags=1)
    with pytest.raises(UserError, match=r"cannot be unpacked: .* is encrypted"):
        archives.copy(archives.find(place, "scores.csv")["scores.csv"], tmp_path / "out.csv")


@pytest.mark.parametrize("name", ["network.npz", "draws.npz", "similar.npz", "watch.npz"])
def test_a_model_from_strangers_is_never_unpickled(name, models, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(models, folder)
    with np.load(folder / name) as file:
        arrays = dict.fromkeys(file.files, np.array([Payload()], object))
    np.savez(folder / name, **arrays)
    with pytest.raises((ValueError, UserError)):
        load_watch(folder) if name == "watch.npz" else Scorer(folder)


def tables(name):
    """The committed tables of the plots, and a map of titles; one genre and title are ``name``."""
    found = {path.stem: pd.read_csv(path) for path in (ROOT / PLOTS).glob("*.csv")}
    genres = found["segments"]
    genres.loc[genres.index[-1], ["by", "segment", "n"]] = ["genre", name, 1000]
    points = pd.DataFrame({"x": [0.0, 1], "y": [0.0, 1], "genre": name, "ratings": 5, "name": name})
    return found | {"embedding_map": points}


@pytest.mark.parametrize("name", [MARKUP, FORMULA], ids=["markup", "formula"])
def test_names_of_titles_and_genres_are_text_in_the_report_and_in_pictures(name):
    figures = json.loads((ROOT / METRICS / "evaluate.json").read_text())
    shown, scale = tables(name), Scale(1, 10, 1)
    drawn = draw(shown.pop("learning_curve"), shown, figures["ranking"]["catalogue"], scale)
    pngs = {key: png(picture) for key, picture in drawn.items()}
    page = report.page(load(ROOT / PARAMS), figures, shown, pngs, scale, ROOT / METRICS)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page or name == FORMULA
    for picture in (drawn["segments"], drawn["embedding_map"]):
        words = [
            text.get_text() for text in picture.findobj(match=lambda a: hasattr(a, "get_text"))
        ]
        assert any(name[:28] in word for word in words)


def test_tables_of_plots_have_no_markup_as_dvc_puts_them_into_its_page():
    shown = without_markup(pd.DataFrame({"segment": [MARKUP, "Drama"], "mse": [0.1, 2]}))
    assert shown.to_csv(index=False).splitlines()[1:] == [
        "\u2039script>alert(1)\u2039/script>,0.1",
        "Drama,2.0",
    ]


def test_lists_in_overrides_are_no_styles_of_the_terminal(capsys):
    jobs = pd.DataFrame({"posterior.members": ["[grades]", "[/red]"], "valid_mse": [1.0, 2.0]})
    print_jobs(jobs, OBJECTIVES["mse"])
    printed = capsys.readouterr().out
    assert "[grades]" in printed
    assert "[/red]" in printed


PRUNER = "hydra.callbacks.mlflow.pruner"


@pytest.mark.parametrize(
    "word",
    [
        "hydra.callbacks.mlflow._target_=os.system",
        f"{PRUNER}._target_=optuna.pruners.MedianPruner,os.system",
        f"{PRUNER}._target_=",
        f"{PRUNER}={{_target_:os.mkdir,path:hacked}}",
        f"{PRUNER}={{wrapped:{{_target_: 'os.mkdir'}},_target_:optuna.pruners.MedianPruner}}",
        "+any={_target_:os.mkdir,path:hacked}",
        f"{PRUNER}=${{oc.create:${{oc.env:EVIL}}}}",
        "hydra.sweeper._target_=pipeline.promote.main",
        "+hydra.job_logging.handlers.x={class:os.mkdir,path:hacked}",
        "+hydra.hydra_logging.handlers.x.stream=ext://os.mkdir",
    ],
)
def test_a_command_line_creates_only_what_conf_names(word):
    with pytest.raises(UserError, match="an override may name only the classes that conf/ names"):
        check_targets(["--multirun", "train.seed=1,2", word])


def test_a_command_line_may_name_what_conf_names():
    given = ["._target_=optuna.pruners.MedianPruner", "={_target_: optuna.pruners.MedianPruner}"]
    check_targets([f"{PRUNER}{value}" for value in given])
    check_targets(["hydra.job_logging.root.level=DEBUG", "hydra/launcher=parallel", "-m"])


def test_a_sweep_ends_with_one_sentence_before_hydra_sees_a_stranger_s_class(tmp_path):
    word = "hydra.launcher._target_=pipeline.promote.main"
    done = python("-m", "pipeline.sweep", "--multirun", word, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert done.output.startswith(f"error: {word}: an override may name only")
    assert done.output.count("\n") == 1
