"""Where the tables between the stages lie, and how a folder or file of them is replaced."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

DATA = Path("data")
RAW = DATA / "raw"
CLEAN = DATA / "clean"
FEATURES = DATA / "features"
MODELS = Path("models")
CHECKPOINT = DATA / "checkpoint"  # of a training that is under way
METRICS = Path("metrics")
PLOTS = METRICS / "plots"
REPORT = METRICS / "report.html"

BLOCKS = 16  # that training rows are dealt to; each row knows those before its own


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``folder`` at the end, or leaves no trace.

    An error, or a process that dies, leaves the previous contents of ``folder`` as they were.
    """
    new, old = (folder.with_name(f".{folder.name}.{age}") for age in ("new", "old"))
    for rest in (new, old):
        shutil.rmtree(rest, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        for rest in (new, old):
            shutil.rmtree(rest, ignore_errors=True)


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def replace_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` as JSON that git shows line by line."""
    replace_text(path, json.dumps(value, indent=2) + "\n")


def replace_csv(path: Path, frame: "pd.DataFrame", digits: int = 6) -> None:
    """Write ``frame`` to ``path`` as CSV, numbers with so many digits after the point."""
    replace_text(path, frame.to_csv(index=False, float_format=f"%.{digits}f", lineterminator="\n"))
