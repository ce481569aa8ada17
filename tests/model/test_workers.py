"""Training on several workers: the same as on one, and it goes on when one of them dies."""

import json
import re
import shutil
import time

import numpy as np
import pytest
from helpers import exchange
from helpers.commands import python
from helpers.workers import begin, each, said, start, train
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.process import clusters
from pipeline.artifact.draws import load_draws
from pipeline.compose import compose
from pipeline.errors import UserError
from pipeline.model.checkpoint import Checkpoint
from pipeline.model.distributions import Random
from pipeline.model.shard import Part, divide
from pipeline.paths import ROOT
from pipeline.settings.cluster import Task, helps, this_task

SMALL = [
    "experiment=quick", "dataset.users=300", "dataset.items=200", "dataset.ratings=8000",
    "train.epochs=2", "train.batch_size=512", "train.threads=1", "train.strategy=multi_worker",
    "posterior.members=[grades,normal]", "posterior.sweeps=30", "posterior.burn_in=2",
]  # fmt: skip
WORKERS = '{"cluster": {"worker": ["one:1", "two:2"]}, "task": {"type": "worker", "index": 1}}'
SOON = 60  # seconds in which a worker must have noticed that another is gone


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A folder with the code and the feature tables of generated ratings."""
    folder = tmp_path_factory.mktemp("tables")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", folder / "pipeline", ignore=ignored)
    (folder / "params.yaml").write_text(compose(SMALL))
    for stage in ("download", "clean", "features"):
        done = python("-m", f"pipeline.{stage}", cwd=folder)
        assert done.returncode == 0, done.output
    return folder


@pytest.fixture(scope="module")
def trained(tables, tmp_path_factory):
    """Folders in which one worker, and in which two workers trained: by their number."""
    folders = {number: tmp_path_factory.mktemp("trained") / str(number) for number in (1, 2)}
    for number, folder in folders.items():
        shutil.copytree(tables, folder)
        train(folder, number)
    return folders


@pytest.fixture
def folder(tables, tmp_path):
    shutil.copytree(tables, tmp_path / "clone")
    return tmp_path / "clone"


def figures(folder):
    return json.loads((folder / "metrics" / "train.json").read_text())


@pytest.mark.slow
def test_two_workers_draw_what_one_does_and_learn_as_well(trained):
    one, two = (load_draws(f / "models" / "trained" / "draws.npz")[0] for f in trained.values())
    for left, right in zip(one.draws, two.draws, strict=True):
        for name in ("users", "items"):
            difference = np.abs(getattr(left, name) - getattr(right, name))
            assert difference.mean() < 0.002, "only rounding differs, which each sweep amplifies"
    assert np.abs(one.draws[0].users - one.draws[1].users).mean() > 0.05
    valid_mse = [figures(folder)["valid_mse"] for folder in trained.values()]
    assert valid_mse[1] == pytest.approx(valid_mse[0], rel=0.01)
    assert "error" not in said(trained[2], 1)
    assert "validation" not in said(trained[2], 1), "only the first worker reports"


def kill(folder, dies, sweep):
    """Start two workers, kill one after a sweep, and return the last line of the other."""
    workers = start(folder, folder)
    while f"sweep {sweep}:" not in said(folder):
        assert workers[0].poll() is None, said(folder)
        time.sleep(0.02)
    workers[dies].kill()
    assert workers[1 - dies].wait(timeout=SOON) == 1
    assert "Traceback" not in said(folder, 1 - dies)
    return said(folder, 1 - dies).strip().splitlines()[-1]


@pytest.mark.slow
def test_when_a_worker_dies_the_other_says_so_and_as_many_as_one_likes_go_on(folder, trained):
    for dies, sweep in ((0, 10), (1, 30)):
        assert kill(folder, dies, sweep).startswith("error: train: another worker is gone")
        assert not (folder / "models").exists()
    shutil.copytree(folder, other := folder.parent / "other")
    for clone, number in ((folder, 2), (other, 1)):
        train(clone, number)
        first = re.search(r"sweep (\d+):", said(clone))
        assert int(first[1]) > 30, "it goes on where it was stopped"
    assert figures(folder) == figures(trained[2]), "as many go on to the same figures"
    assert figures(other)["valid_mse"] == pytest.approx(figures(trained[2])["valid_mse"], rel=0.01)


@pytest.mark.slow
def test_a_worker_waits_until_it_is_stopped_and_one_with_the_same_address_is_refused(folder):
    own = clusters(2)[1]
    worker = begin(folder, own, 1)
    while "worker 1 of 2 waits for 127.0.0.1:" not in said(folder, 1):
        assert worker.poll() is None, said(folder, 1)
        time.sleep(0.02)
    assert begin(folder, own, 2).wait(timeout=SOON) == 1
    assert "error: train: worker 1 cannot listen on port" in said(folder, 2)
    worker.terminate()
    assert worker.wait(timeout=SOON) == 1
    assert said(folder, 1).strip().splitlines()[-1] == "interrupted"


@pytest.mark.slow
def test_what_workers_send_each_other_arrives_and_adds_up(tmp_path):
    gradients = [exchange.sent(rank) for rank in (0, 1)]
    for rank, found in enumerate(map(np.load, each("helpers.exchange", tmp_path, number=2))):
        assert found["dense"] == pytest.approx(gradients[0][0] + gradients[1][0])
        assert found["each"].tolist() == [[0, 7], [1, 7]]
        assert found["exchanged"].tolist() == [[0, rank], [1, rank]]
        assert found["short"].tolist() == [3, 3, 3]
        assert found["long"].tolist() == [3] * exchange.LONG
        assert found["ring"].tolist() == [3] * exchange.LONG
        assert found["around"] == pytest.approx(found["dense"])
        for i, (table, of) in enumerate(zip(exchange.TABLES, exchange.INDICES, strict=True)):
            expected, sums = np.zeros((2, *table), "float32")
            for of_worker, sent in zip(of, gradients, strict=True):
                np.add.at(expected, of_worker, sent[1 + i])
            np.add.at(sums, found[f"rows{i}"], found[f"values{i}"])
            assert found[f"around{i}"] == pytest.approx(found[f"values{i}"])
            assert sums == pytest.approx(expected)
            assert {*found[f"rows{i}"]} == ({*of[0], *of[1], 0} if i else {0, 1, 2, 3})


@pytest.mark.slow
def test_workers_with_other_settings_are_refused(folder):
    other = folder.parent / "other"
    shutil.copytree(folder, other)
    (other / "params.yaml").write_text(compose([*SMALL, "train.seed=1"]))
    for index, worker in enumerate(start(folder, other)):
        assert worker.wait(timeout=SOON) == 1
        last = said((folder, other)[index], index).strip().splitlines()[-1]
        assert last == "error: train: the workers do not have the same settings, tables or code."


def test_what_a_faster_worker_saved_after_the_learning_curve_is_not_waited_for(tmp_path):
    checkpoint = Checkpoint(tmp_path, "these")
    checkpoint.keep(0, 1, {"valid_mse": np.array(2.0)})
    (checkpoint.folder / "draw-01-000000-0000-of-0002.npz").touch()
    assert [point["valid_mse"] for point in checkpoint.kept(0)] == [2.0]


# Who is who ---------------------------------------------------------------------------------------


def test_this_process_is_the_worker_that_tf_config_or_slurm_names(monkeypatch):
    assert this_task("single") == Task(0, 1)
    monkeypatch.setenv("TF_CONFIG", WORKERS)
    assert this_task("multi_worker") == Task(1, 2)
    assert helps()
    with_chief = {"chief": ["zero:0"], "worker": ["one:1", "two:2"]}
    task = {"cluster": with_chief, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(task))
    assert this_task("multi_worker") == Task(2, 3)
    monkeypatch.delenv("TF_CONFIG")
    assert not helps()
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert this_task("multi_worker") == Task(3, 4)


@pytest.mark.parametrize(
    ("strategy", "config", "message"),
    [
        ("single", WORKERS, "one of 2 workers, but train.strategy is single"),
        ("multi_worker", None, "set TF_CONFIG for each worker"),
        ("multi_worker", "{", "TF_CONFIG is not understood"),
        ("multi_worker", '["worker"]', "TF_CONFIG is not understood"),
        ("multi_worker", WORKERS.replace('["one:1", "two:2"]', '"one:1"'), "no list of HOST:PORT"),
        ("multi_worker", WORKERS.replace("one:1", "one"), "worker is no list of HOST:PORT"),
        ("multi_worker", WORKERS.replace(":1", ":65536"), "worker is no list of HOST:PORT"),
        ("multi_worker", WORKERS.replace("1}", "2}"), "there is no worker 2"),
        ("multi_worker", WORKERS.replace("1}", "1.7}"), "TF_CONFIG is not understood"),
        ("multi_worker", WORKERS.replace('"worker",', '"evaluator",'), "it has no 'evaluator'"),
    ],
)
def test_what_does_not_say_who_this_is_is_refused(monkeypatch, strategy, config, message):
    if config:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UserError, match=re.escape(message)):
        this_task(strategy)


# Who has what -------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 50), min_size=12, max_size=60), st.integers(1, 4))
def test_every_row_is_in_one_part_and_the_parts_take_about_as_long(counts, number):
    parts, each = divide(np.array(counts), number, each=20), np.array(counts) + 20
    assert [row for part in parts for row in range(part.start, part.end)] == [*range(len(counts))]
    work = [each[part.start : part.end].sum() for part in parts]
    assert max(work) <= each.sum() / number + each.max()


def test_more_workers_than_users_are_refused():
    with pytest.raises(UserError, match="3 workers are too many for 1 users"):
        divide(np.array([0, 7]), 3, each=20)


@given(st.integers(1, 40), st.integers(1, 7), st.data())
def test_each_part_of_the_rows_has_the_random_numbers_of_these_rows(n, width, data):
    cut = data.draw(st.integers(0, n))
    shape = np.linspace(0.1, 9, n, dtype="float32")

    def draws(start, end):
        part, random = Part(start, end, n), Random(3)
        return [
            random.normal_rows(part, width).numpy(),
            random.uniform(part).numpy(),
            random.gamma_rows(part, shape[start:end], 2.0).numpy(),
            random.normal([2]).numpy(),  # what all draw afterwards is the same, too
        ]

    whole, left, right = draws(0, n), draws(0, cut), draws(cut, n)
    for all_rows, *parts in zip(whole[:3], left[:3], right[:3], strict=True):
        assert np.array_equal(np.concatenate(parts), all_rows)
    assert np.array_equal(left[3], whole[3])
