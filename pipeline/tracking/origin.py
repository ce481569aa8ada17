"""Who started a run: a person, DVC, or a sweep; from which code, in which process.

A sweep and its jobs may be different processes, so a sweep says what they are in the environment.
"""

import json
import os
import socket
import subprocess

import psutil

from pipeline.paths import ROOT

# Of a sweep: the id of its run, and the keys that are swept. Of a job: its identity and its
# overrides. Lists are JSON.
SWEEP_RUN, SWEEP_KEYS = "SWEEP_RUN", "SWEEP_KEYS"
SWEEP_JOB, SWEEP_OVERRIDES = "SWEEP_JOB", "SWEEP_OVERRIDES"


def origin() -> dict[str, str]:
    """Return tags: which code made a run, and by which of the three ways."""
    tags = code()
    if job := os.environ.get(SWEEP_JOB):
        overrides = os.environ[SWEEP_OVERRIDES]
        return tags | {"route": "hydra sweep", "job": job, "overrides": overrides}
    if experiment := os.environ.get("DVC_EXP_NAME"):
        return tags | {"route": "dvc exp", "dvc_exp": experiment}
    return tags | {"route": "dvc repro" if "DVC_STAGE" in os.environ else "python"}


def code() -> dict[str, str]:
    """Return tags: the git commit, and whether tracked files differed from it."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    return {
        "git_commit": git("rev-parse", "HEAD"),
        "git_dirty": str(bool(git("status", "--porcelain", "-uno"))),
    }


def process() -> dict[str, str]:
    """Return tags: host and process, so that a run can be closed once its process is gone."""
    own = psutil.Process()
    return {"host": socket.gethostname(), "process": f"{own.pid} {own.create_time():.0f}"}


def run_name() -> str | None:
    """Name a run after the job of a sweep, or the experiment of DVC, that it belongs to."""
    return job_name() or os.environ.get("DVC_EXP_NAME")


def job_name() -> str:
    """Name the job at work by its overrides of the swept keys; empty outside a sweep."""
    overrides = json.loads(os.environ.get(SWEEP_OVERRIDES, "[]"))
    keys = json.loads(os.environ.get(SWEEP_KEYS, "[]"))
    pairs = [override.split("=", 1) for override in overrides]
    swept = [pair for pair in pairs if pair[0] in keys]
    return " ".join(f"{key}={shortened(value)}" for key, value in swept or pairs)


def shortened(text: str) -> str:
    """Write a long number, as a search chooses them, with four digits; return other text as is."""
    try:
        return text if len(text) < 8 else f"{float(text):.4g}"
    except ValueError:
        return text
