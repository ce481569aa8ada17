"""Where things lie: the repository, and the outputs of the stages in the folder one works in."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARAMS = Path("params.yaml")  # of the folder that a stage works in

DATA = Path("data")
RAW = DATA / "raw"
CLEAN = DATA / "clean"
FEATURES = DATA / "features"
MODEL = Path("models", "trained")
CHECKPOINT = DATA / "checkpoint"  # of a training that is under way
METRICS = Path("metrics")
PLOTS = METRICS / "plots"
REPORT = METRICS / "report.html"


def home() -> Path:
    """Return the repository a person works in: also inside a queued experiment's temporary copy."""
    return Path(os.environ.get("DVC_ROOT", ROOT))


def from_home(path: str) -> Path:
    """Return a path of the settings as it is meant: a relative one counts from ``home``."""
    return home() / Path(path).expanduser()
