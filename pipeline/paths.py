"""Paths: the repository, and the inputs and outputs of stages in the working directory."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARAMS = Path("params.yaml")  # relative: a queued experiment runs in a temporary copy

DATA = Path("data")
RAW = DATA / "raw"
CLEAN = DATA / "clean"
FEATURES = DATA / "features"
MODEL = Path("models", "trained")
CHECKPOINT = DATA / "checkpoint"  # lets an interrupted training resume
METRICS = Path("metrics")
PLOTS = METRICS / "plots"
REPORT = METRICS / "report.html"


def home() -> Path:
    """Return the user's repository, also from the temporary copy of a queued experiment."""
    return Path(os.environ.get("DVC_ROOT", ROOT))


def from_home(path: str) -> Path:
    """Resolve a path from the settings; a relative one starts at ``home``."""
    return home() / Path(path).expanduser()
