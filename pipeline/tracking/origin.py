"""Origin of a run: started by a person, DVC or a sweep; from which code, in which process.

A sweep and its jobs may be different processes, so environment variables pass on what they are.
"""

import json
import os
import socket
import subprocess

import psutil

from pipeline.paths import ROOT
from pipeline.settings.overrides import pairs

# Environment variables; lists are JSON.
SWEEP_RUN, SWEEP_KEYS = "SWEEP_RUN", "SWEEP_KEYS"  # MLflow id of the sweep's run; swept keys
SWEEP_JOB, SWEEP_OVERRIDES = "SWEEP_JOB", "SWEEP_OVERRIDES"  # digest of the job; its overrides
PARENT = "mlflow.parentRunId"  # MLflow's tag with the run that a run belongs to


def origin() -> dict[str, str]:
    """Return tags of the code and of the route: hydra sweep, dvc exp, dvc repro or python."""
    tags = code()
    if job := os.environ.get(SWEEP_JOB):
        overrides = os.environ[SWEEP_OVERRIDES]
        tags |= {PARENT: os.environ[SWEEP_RUN]} if SWEEP_RUN in os.environ else {}
        return tags | {"route": "hydra sweep", "job": job, "overrides": overrides}
    if experiment := os.environ.get("DVC_EXP_NAME"):
        return tags | {"route": "dvc exp", "dvc_exp": experiment}
    return tags | {"route": "dvc repro" if "DVC_STAGE" in os.environ else "python"}


def code() -> dict[str, str]:
    """Return tags of the git commit, and of whether tracked files differ from it."""

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
    """Return tags of host and process, by which ``runs.close_dead`` finds runs that were killed."""
    this = psutil.Process()
    return {"host": socket.gethostname(), "process": f"{this.pid} {this.create_time():.0f}"}


def run_name() -> str | None:
    """Return the name of the present sweep job or DVC experiment; None outside of both."""
    return job_name() or os.environ.get("DVC_EXP_NAME")


def job_name() -> str:
    """Return the present job's overrides of the swept keys as its name; empty outside a sweep."""
    overrides = json.loads(os.environ.get(SWEEP_OVERRIDES, "[]"))
    keys = json.loads(os.environ.get(SWEEP_KEYS, "[]"))
    named = [pair._replace(value=shortened(pair.value)) for pair in pairs(overrides)]
    return " ".join(str(pair) for pair in [p for p in named if p.key in keys] or named)


def shortened(text: str) -> str:
    """Round a long number, such as a search proposes, to four digits; other text stays."""
    try:
        return text if len(text) < 8 else f"{float(text):.4g}"
    except ValueError:
        return text
