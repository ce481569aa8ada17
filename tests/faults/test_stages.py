"""Faults in the stages: each ends in a sentence, the next call in the bytes of an unbroken run.

`pytest -m faults` runs all combinations of stage, fault and moment; without it, a few of each.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
from itertools import product

import pytest
from helpers.commands import environment, python

from benchmarks.faults import FAULTS, KILLED, STAGES, calls, contents, left_behind, tried
from benchmarks.stages import SMALL, prepared
from pipeline.errors import UserError
from pipeline.files.stage import OWNER

MOMENTS = ("first", "middle", "last")
SHORT = {  # those that every `make test` tries: each fault on one of the fast stages, and on others
    *zip(STAGES[:3] * 3, FAULTS, sorted(MOMENTS * 3), strict=True),
    ("train", "full disk", "middle"),
    ("train", "SIGTERM", "middle"),
    ("evaluate", "full disk", "last"),
}
COMBINATIONS = [
    pytest.param(*of, marks=[] if of in SHORT else [pytest.mark.faults], id="-".join(of))
    for of in product(STAGES, FAULTS, MOMENTS)
]


@pytest.fixture(scope="module")
def stages(clone):
    """Runs stages in a clone where all have run; its writes can be let fail."""
    assert python("-m", "pipeline.compose", *SMALL, cwd=clone).returncode == 0
    try:
        with prepared(clone) as stages:
            for stage in STAGES:
                status, said = stages.run(stage)
                assert status == 0, said
            yield stages
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def made(stages, tmp_path_factory):
    """For each stage the number of its calls that change files, and its outputs."""
    log = tmp_path_factory.mktemp("calls") / "calls"
    return {
        stage: (len(calls(stages, stage, log)), contents(stages.clone, stage)) for stage in STAGES
    }


@pytest.mark.parametrize(("stage", "fault", "moment"), COMBINATIONS)
def test_after_a_fault_the_next_call_ends_in_the_same_bytes(stages, made, stage, fault, moment):
    number, whole = made[stage]
    at = {"first": 1, "middle": number // 2, "last": number}[moment]
    assert tried(stages, stage, at, fault, whole) == []


def test_a_full_disk_leaves_the_outputs_as_they_were_and_says_what_to_do(stages, made):
    number, whole = made["clean"]
    status, said = stages.run("clean", FAULTY_AT=str(number // 2), **FAULTS["full disk"])
    assert status == 1
    assert "No space left on device" in said
    assert contents(stages.clone, "clean") == whole


def test_training_goes_on_from_its_checkpoint_after_a_kill(stages, made):
    number, whole = made["train"]
    stages.run("train", FAULTY_AT=str(number // 3), **FAULTS[KILLED])
    kept = list((stages.clone / "data" / "checkpoint" / "draws").glob("*/state-*.npz"))
    assert kept, "the posterior has begun"
    status, said = stages.run("train")
    assert status == 0, said
    assert "sweep 1:" not in said
    assert contents(stages.clone, "train") == whole
    assert left_behind(stages.clone) == []


@contextlib.contextmanager
def locked(folder):
    """Lock a folder, as a stage that works there does."""
    place = os.open(folder, os.O_RDONLY)
    fcntl.flock(place, fcntl.LOCK_EX)
    yield
    os.close(place)


def test_a_second_stage_in_the_same_folder_waits_and_says_for_whom(stages, made):
    command = [sys.executable, "-m", "pipeline.features"]
    owner = stages.clone / OWNER
    owner.parent.mkdir()
    owner.write_text("train (process 4711)")
    with locked(stages.clone):
        waiting = subprocess.Popen(
            command, cwd=stages.clone, env=environment(), stderr=subprocess.PIPE, text=True
        )
        assert waiting.stderr.readline() == (
            "waiting for train (process 4711), which works in this folder\n"
        )
        assert waiting.poll() is None
    assert waiting.wait() == 0
    assert contents(stages.clone, "features") == made["features"][1]


def test_a_limit_on_the_size_of_files_and_little_memory_end_in_a_sentence(stages, made):
    shell = ["bash", "-c", 'ulimit -f 4; exec "$0" -m pipeline.features', sys.executable]
    done = subprocess.run(
        shell, cwd=stages.clone, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert contents(stages.clone, "features") == made["features"][1]
