"""Faults at every write, and kills at random moments: does the next call end in the same bytes?

``python -m benchmarks.faults`` makes a clone with a small pipeline. There it lets the calls of each
stage that change a file fail, one after the other: of each kind of call on each file the first,
the middle and the last, by turns with a full disk and with a kill. Each time the stage runs once
more, and its outputs are compared with those of an unbroken run. Then ``dvc repro`` is killed at
random moments, again and again, and runs to its end now and then.

The results go to benchmarks/results/faults.json, and from there to a table in docs/operations.md;
``--readme`` only rewrites the document.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from benchmarks import arguments, readme
from benchmarks.process import ROOT
from benchmarks.stages import SMALL, STAGES, Stages, environment, prepared
from pipeline.errors import exit_on_user_error
from pipeline.files import replace_json

DOCUMENT = ROOT / "docs" / "operations.md"
OUTPUTS = {
    "download": ("data/raw", "metrics/download.json"),
    "clean": ("data/clean", "metrics/clean.json"),
    "features": ("data/features",),
    "train": ("models/trained", "metrics/train.json", "metrics/plots/learning_curve.csv"),
    "evaluate": ("metrics/evaluate.json", "metrics/report.html", "metrics/plots"),
}
FULL, KILLED = "full disk", "SIGKILL"
FAULTS = {  # how the layer lets a call fail, and whether it stays so
    FULL: {"FAULTY_HOW": "28", "FAULTY_ON": "1"},
    "full quota": {"FAULTY_HOW": "122", "FAULTY_ON": "1"},
    "read-only file system": {"FAULTY_HOW": "30", "FAULTY_ON": "1"},
    "limit on file size": {"FAULTY_HOW": "27"},
    "broken disk": {"FAULTY_HOW": "5"},
    "no permission": {"FAULTY_HOW": "13"},
    KILLED: {"FAULTY_HOW": str(-signal.SIGKILL)},
    "SIGTERM": {"FAULTY_HOW": str(-signal.SIGTERM)},
    "SIGINT": {"FAULTY_HOW": str(-signal.SIGINT)},
}
KILLS_EACH = 5  # of a stage alone, before it may end
LONGEST = 0.6  # of the time of an unbroken call, until one is killed at the latest
TARGETS = ("group", "dvc", "stage")


class Call(NamedTuple):
    """A call that changes a file: its number in the run, its function, and the file."""

    number: int
    function: str
    path: str


def cloned(folder: Path) -> Path:
    """Clone the repository, and set the small pipeline; return the clone."""
    clone = folder / "anime-ratings"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    compose = [sys.executable, "-m", "pipeline.compose", *SMALL]
    subprocess.run(compose, cwd=clone, check=True, stdout=subprocess.DEVNULL)
    return clone


def contents(clone: Path, *stages: str) -> dict[str, bytes]:
    """Return the bytes of all outputs of stages by path."""
    paths = [clone / name for stage in stages for name in OUTPUTS[stage]]
    files = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file()]
    return {str(file.relative_to(clone)): file.read_bytes() for file in files}


def left_behind(clone: Path) -> list[str]:
    """Name what a stage that ended should not leave: temporary files, and runs that seem to run."""
    folders = ("data", "models", "metrics", "metrics/plots")
    left = [p for name in folders for p in (clone / name).glob(".*") if p.name != ".gitignore"]
    left += [path for path in (clone / "data" / "checkpoint").rglob("*") if path.is_file()]
    found = [str(path.relative_to(clone)) for path in left]
    with sqlite3.connect(clone / "mlflow.db") as store:
        query = "select count(*) from runs where status = 'RUNNING'"
        found += ["a run that is RUNNING"] * store.execute(query).fetchone()[0]
    return found


def calls(stages: Stages, stage: str, log: Path) -> list[Call]:
    """Run a stage, and return its calls that change files."""
    log.unlink(missing_ok=True)
    status, said = stages.run(stage, FAULTY_LOG=str(log))
    assert status == 0, said
    lines = (line.split(" ", 2) for line in log.read_text(encoding="utf-8").splitlines())
    return [Call(int(number), function, path) for number, function, path in lines]


def kinds(made: list[Call]) -> dict[tuple[str, str], list[Call]]:
    """Group calls by function and file; ids in names do not count, nor which module is copied."""
    groups: dict[tuple[str, str], list[Call]] = {}
    for call in made:
        path = re.sub(
            r"[0-9a-f]{32,64}|(?<=tmp)[a-z0-9_]{8}|(?<=spill-)[a-z0-9_]{8}", "", call.path
        )
        path = re.sub(r"/pipeline/.*\.py$", "/pipeline/MODULE.py", path)
        groups.setdefault((call.function, path), []).append(call)
    return groups


def tried(
    stages: Stages, stage: str, number: int, fault: str, whole: dict[str, bytes]
) -> list[str]:
    """Let a call fail, run the stage again, and say what was not as it should be.

    Args:
        stages: what runs them.
        stage: which one.
        number: of the call.
        fault: key of FAULTS.
        whole: the outputs of an unbroken run.
    """
    wrong = []
    status, said = stages.run(stage, FAULTY_AT=str(number), **FAULTS[fault])
    if fault == KILLED:
        wrong += [] if status == -signal.SIGKILL else [f"ended with {status}"]
    elif "Traceback" in said:
        wrong.append(f"a traceback: {said.strip().splitlines()[-1]}")
    elif status and not re.search("^(error: |interrupted)", said, re.M):
        wrong.append(f"no sentence: {said[-200:]}")
    again, said = stages.run(stage)
    if again:
        wrong.append(f"the next call fails: {said[-300:]}")
    elif contents(stages.clone, stage) != whole:
        wrong.append("other bytes")
    return wrong + [f"left behind: {name}" for name in left_behind(stages.clone)]


def writes(
    stages: Stages, stage: str, work: Path, minutes: float, before: dict[str, Any] | None
) -> dict[str, Any]:
    """Let calls of each kind fail, in any order; return how many, and what was wrong.

    Those that a kind is tried at first are its first calls.

    Args:
        stages: what runs them.
        stage: which one.
        work: folder for the list of its calls.
        minutes: the most that it may take.
        before: what an earlier call returned, to go on from there.
    """
    made = calls(stages, stage, work / "calls")
    whole, end = contents(stages.clone, stage), time.monotonic() + 60 * minutes
    groups, draws = kinds(made), np.random.default_rng(0)
    few = [dict.fromkeys([of[0], of[len(of) // 2], of[-1]]) for of in groups.values()]
    plan = sorted((place, draws.random(), call) for of in few for place, call in enumerate(of))
    number = before["failed"] if before else 0
    wrong = list(before["wrong"]) if before else []
    for _place, _draw, call in plan[number:]:
        if time.monotonic() > end:
            break
        fault = (FULL, KILLED)[number % 2]
        number += 1
        found = tried(stages, stage, call.number, fault, whole)
        wrong += [f"{fault} at {call}: {one}" for one in found]
        print(stage, number, "of", len(plan), *found, flush=True)
    planned = {"kinds": len(groups), "planned": len(plan)}
    return {"calls": len(made), **planned, "failed": number, "wrong": wrong}


def stage_kills(stages: Stages, number: int) -> dict[str, Any]:
    """Kill stages so many times at random moments, KILLS_EACH before one may end."""
    draws, wrong, done, ends = np.random.default_rng(1), list[str](), 0, 0
    seconds, whole = {}, {}
    for stage in STAGES:
        start = time.monotonic()
        stages.run(stage)
        seconds[stage], whole[stage] = time.monotonic() - start, contents(stages.clone, stage)
    shares = np.array(list(seconds.values())) / sum(seconds.values())
    while done < number:
        stage = str(draws.choice(STAGES, p=shares))
        for _ in range(KILLS_EACH):
            after = str(draws.uniform(0, seconds[stage]))
            done += stages.run(stage, KILL_AFTER=after)[0] == -signal.SIGKILL
        status, told = stages.run(stage)
        found = [] if status == 0 else [f"{stage} fails: {told[-300:]}"]
        found += [] if contents(stages.clone, stage) == whole[stage] else [f"{stage}: other bytes"]
        found += [f"left behind: {name}" for name in left_behind(stages.clone)]
        ends += 1
        wrong += [f"after kill {done}: {one}" for one in found]
        print(f"{done} kills of stages, {ends} ends", *found, flush=True)
    return {"kills": done, "ends": ends, "wrong": wrong}


def repro(clone: Path) -> subprocess.Popen[str]:
    """Start ``dvc repro`` in a session of its own; it takes no earlier result from a cache."""
    (clone.parent / "repro").unlink(missing_ok=True)  # an earlier stage may still write to it
    output = (clone.parent / "repro").open("w")
    command = [sys.executable, "-m", "dvc", "repro", "--no-run-cache"]
    return subprocess.Popen(
        command, cwd=clone, env=environment(), start_new_session=True, stdout=output, stderr=output,
        text=True,
    )  # fmt: skip


def said(clone: Path) -> str:
    """Return what the last ``dvc repro`` said."""
    return (clone.parent / "repro").read_text(encoding="utf-8", errors="replace")


def kill(process: subprocess.Popen[str], target: str) -> None:
    """Kill a ``dvc repro``: the whole group of processes, dvc alone, or the stage alone."""
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        if target == "group":
            os.killpg(process.pid, signal.SIGKILL)
        elif target == "dvc":
            process.kill()
        else:
            for child in psutil.Process(process.pid).children(recursive=True):
                if any("pipeline." in word for word in child.cmdline()):
                    child.kill()


def kills(clone: Path, number: int) -> dict[str, Any]:
    """Kill ``dvc repro`` so many times at random moments; return what went wrong.

    A call that comes to its end before its moment is compared with an unbroken one.
    """
    start = time.monotonic()
    repro(clone).wait()
    longest, whole = LONGEST * (time.monotonic() - start), contents(clone, *STAGES)
    draws, wrong, ends, done, emptied = np.random.default_rng(0), list[str](), 0, 0, 0
    remove_outputs(clone)
    while done < number or ends == 0:
        process = repro(clone)
        try:
            status = process.wait(draws.uniform(0, longest) if done < number else None)
        except subprocess.TimeoutExpired:
            kill(process, str(draws.choice(TARGETS)))
            process.wait()
            done += 1
            continue
        if "RWLock-file" in said(clone):  # a fault of DVC that docs/operations.md tells
            (clone / ".dvc/tmp/rwlock").unlink()
            emptied += 1
            continue
        found = [] if status == 0 else [f"dvc repro fails: {said(clone)[-300:]}"]
        found += [] if contents(clone, *STAGES) == whole else ["other bytes"]
        found += [f"left behind: {name}" for name in left_behind(clone)]
        wrong += [f"after kill {done}: {one}" for one in found]
        ends += 1
        print(f"{done} kills, {ends} ends, {emptied} rwlocks, {found}", flush=True)
        remove_outputs(clone)
    return {"kills": done, "ends": ends, "emptied": emptied, "wrong": wrong}


def remove_outputs(clone: Path) -> None:
    """Remove all outputs, and DVC's cache, from which it would bring them back."""
    for name in (".dvc/cache", *(name for stage in STAGES for name in OUTPUTS[stage])):
        path = clone / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def table(results: dict[str, Any]) -> str:
    """Format the results as a table and a sentence."""
    lines = [["stage", "calls that change files", "kinds", "let fail", "of", "not as it should be"]]
    for stage, found in results["writes"].items():
        figures = (found[name] for name in ("calls", "kinds", "failed", "planned"))
        lines.append([stage, *(f"{figure:,}" for figure in figures), str(len(found["wrong"]))])
    random_ones, of_stages = results["kills"], results["stage_kills"]
    return (
        f"{readme.markdown(lines)}\n\n"
        f"Stages killed {of_stages['kills']} times at random moments, {KILLS_EACH} times before "
        f"one was run to its end: {len(of_stages['wrong'])} of {of_stages['ends']} times not the "
        "same bytes, or something left. "
        f"`dvc repro` killed {random_ones['kills']} times at random moments (the group of "
        f"processes, dvc alone, the stage alone), and {random_ones['ends']} times run to its end "
        f"after that: {len(random_ones['wrong'])} times not the same bytes, or something left. "
        f"{random_ones['emptied']} times a kill left DVC's own lock file empty, which one deletes "
        "(see the known faults below)."
    )


def main() -> None:
    """Inject the faults, write the results, rewrite the document."""
    parser = arguments.parser(__doc__)
    parser.add_argument("--kills", type=int, default=60, help="kills of dvc repro")
    parser.add_argument("--stage-kills", type=int, default=240, help="kills of stages")
    parser.add_argument("--stages", nargs="*", default=STAGES, help="whose writes fail")
    parser.add_argument("--minutes", type=float, default=240, help="the most for a stage")
    parser.add_argument("--resume", action="store_true", help="go on after the calls stored")
    options = parser.parse_args()
    if not options.readme:
        path = readme.results("faults")
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"writes": {}}
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            work = Path(folder)
            clone = cloned(work)
            if options.kills:
                found["kills"] = kills(clone, options.kills)
                replace_json(path, found)
            with prepared(clone) as stages:
                for stage in STAGES:
                    stages.run(stage)
                if options.stage_kills:
                    found["stage_kills"] = stage_kills(stages, options.stage_kills)
                    replace_json(path, found)
                for stage in options.stages:
                    before = found["writes"].get(stage) if options.resume else None
                    found["writes"][stage] = writes(stages, stage, work, options.minutes, before)
                    replace_json(path, found)
    readme.rewrite("faults", table, DOCUMENT)


if __name__ == "__main__":
    exit_on_user_error(main)
