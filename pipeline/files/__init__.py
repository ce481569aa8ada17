"""Output folders and files, replaced in one step when they are complete."""

import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError
from pipeline.files import seals
from pipeline.paths import CLEAN, FEATURES, MODEL

if TYPE_CHECKING:
    import pandas as pd

SEALED = (CLEAN, FEATURES, MODEL)  # raw files may be edited by hand to try something
DIGITS = 4  # decimals of figures in git; machines of different kinds differ in later ones


def inputs(*paths: Path) -> None:
    """Refuse to start a stage before its inputs are there, and sealed folders whole.

    Raises:
        UserError: a path is missing, or damaged.
    """
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} is missing; `dvc repro` runs the stages that make it.")
        if path in SEALED:
            seals.check(path)


@contextmanager
def replacing(folder: Path, sealed: bool = True) -> Iterator[Path]:
    """Yield an empty folder that replaces ``folder`` when the block ends.

    If the block raises or the process dies, ``folder`` keeps its previous contents.

    Args:
        folder: the folder to replace.
        sealed: whether damage to its files is to be found later, by ``pipeline.files.seals``.
    """
    new, old = (folder.with_name(f".{folder.name}.{age}") for age in ("new", "old"))
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        if sealed:
            seals.seal(new)
        for path in (*new.rglob("*"), new):
            flush(path)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        flush(folder.parent)
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; that file replaces ``path`` when the block ends.

    Readers see the old file or the new one, never a part. If the block raises, the old one stays.
    """
    new = path.with_name(f".new.{path.name}")
    try:
        yield new
        flush(new)
        new.replace(path)
        flush(path.parent)
    finally:
        new.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Before a rename: after a power cut, a name could else stand for an empty file.
    """
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


@contextmanager
def destination(path: Path) -> Iterator[Path]:
    """Replace a file that the user named, as ``replacing_file`` does.

    Raises:
        UserError: its folder does not exist, or it cannot be written.
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
    """Write ``value`` to ``path`` as indented JSON, so that git shows changes line by line."""
    replace_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read what ``replace_json`` wrote.

    Raises:
        UserError: the file is missing, or is no JSON.
    """
    inputs(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); `dvc repro` makes it anew.") from error


def defined(value: Any) -> Any:
    """Replace what is infinite or not a number in nested dicts, lists and tuples by None."""
    if isinstance(value, dict):
        return {key: defined(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rounded(value: Any) -> Any:
    """Round the floats in nested dicts, lists and tuples to DIGITS decimals."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def ends(interval: Sequence[float | None], pattern: str = f"{{:.{DIGITS}f}}") -> str:
    """Write the ends of an interval; where they are not defined, that there is none."""
    known = [end for end in interval if end is not None and math.isfinite(end)]
    return " to ".join(map(pattern.format, known)) or "no interval"


def replace_csv(path: Path, frame: "pd.DataFrame") -> None:
    """Write ``frame`` to ``path`` as CSV, floats with DIGITS decimals."""
    replace_text(path, frame.to_csv(index=False, float_format=f"%.{DIGITS}f", lineterminator="\n"))
