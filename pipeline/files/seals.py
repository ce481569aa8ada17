"""Seals: the digests of the files in an output folder, by which damage is found.

``sha256sum --check SHA256SUMS`` in the folder checks it too.
"""

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pipeline.errors import UserError

SEAL = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
THREADS = 2
TRIES = 5
AGAIN = "`dvc repro` makes the folder anew; if it is a copy, copy all of it again."
T = TypeVar("T")


def seal(folder: Path) -> None:
    """Write the SHA-256 of each file in a folder to its seal."""
    lines = [f"{digest}  {name}\n" for name, digest in _digests(folder).items()]
    (folder / SEAL).write_text("".join(lines), encoding="utf-8")


def check(folder: Path) -> str:
    """Check that a folder has the files that were written to it, whole and unchanged.

    Returns:
        The text of its seal, which identifies the contents.

    Raises:
        UserError: a file is missing, damaged, or of another folder; the message names it.
    """
    for _ in range(TRIES):
        text = _read(folder)
        damage = _damage(folder, text)
        if damage is None:
            assert text is not None
            return text
        if text == _read(folder):  # else the folder was replaced in the meantime
            break
    raise UserError(f"{damage} {AGAIN}")


def whole(folder: Path, load: Callable[[], T]) -> T:
    """Check a folder and load what is in it; load again if it was replaced in the meantime.

    Raises:
        UserError: as ``check`` does.
    """
    for _ in range(TRIES):
        before = check(folder)
        try:
            loaded = load()
        except Exception:
            if _read(folder) == before:
                raise
            continue
        if _read(folder) == before:
            return loaded
    raise UserError(f"{folder} is replaced again and again; try later.")


def _read(folder: Path) -> str | None:
    try:
        return (folder / SEAL).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder by its path in it, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SEAL)
    with ThreadPoolExecutor(THREADS) as pool:
        digests = pool.map(digest, files)
        names = (file.relative_to(folder).as_posix() for file in files)
        return dict(zip(names, digests, strict=True))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damage(folder: Path, text: str | None) -> str | None:
    """Say what is wrong with a folder; None if nothing is.

    Args:
        folder: the folder.
        text: its seal; None if it has none.
    """
    if text is None:
        return f"{folder}: {SEAL}, the list of its files, is missing."
    lines = [LINE.fullmatch(line) for line in text.splitlines()]
    if not lines or None in lines or not text.endswith("\n"):
        return f"{folder / SEAL} is damaged."
    wanted = {line[2]: line[1] for line in lines if line}
    try:
        found = _digests(folder)
    except OSError as error:
        return f"{folder}: a file cannot be read: {error}."
    for name in sorted(wanted.keys() | found.keys()):
        path = folder / name
        if name not in found:
            return f"{path} is missing."
        if name not in wanted:
            return f"{path} is not one of the files of this folder that {SEAL} lists."
        if found[name] != wanted[name]:
            return (
                f"{path} is damaged, or from another folder: its SHA-256 is not the one in {SEAL}."
            )
    return None
