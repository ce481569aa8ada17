"""How a folder or a file of outputs is replaced, in one step."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 4  # after the point: what differs on another kind of machine is beyond them


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


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; what is there takes the place of ``path`` at the end, in one step.

    A reader sees the old file or the new one; an error leaves the old one as it was.
    """
    new = path.with_name(f".new.{path.name}")
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def destination(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which takes the place of ``path`` when all is written.

    Raises:
        UserError: it cannot be written.
    """
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such folder to write to.")
    try:
        with replacing_file(path) as new:
            yield new
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}") from error


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as new:
        new.write_text(text, encoding="utf-8")


def replace_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` as JSON that git shows line by line."""
    replace_text(path, json.dumps(value, indent=2) + "\n")


def rounded(value: Any) -> Any:
    """Round all floats of nested dicts, lists and tuples to DIGITS, as files in git have them."""
    if isinstance(value, dict):
        return {key: rounded(of) for key, of in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(of) for of in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def replace_csv(path: Path, frame: "pd.DataFrame") -> None:
    """Write ``frame`` to ``path`` as CSV, numbers with DIGITS after the point."""
    replace_text(path, frame.to_csv(index=False, float_format=f"%.{DIGITS}f", lineterminator="\n"))
