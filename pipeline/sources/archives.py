"""Files from outside the repository: downloaded or placed by hand, found, and checked."""

import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.errors import UserError

TIMEOUT = 15.0  # seconds, to connect and between two pieces
TRIES = 3  # of a download whose connection breaks in the middle


def download(name: str, get: Callable[[], Path], by_hand: str) -> Path:
    """Run what downloads a file: again where the connection breaks, at once an error otherwise.

    Args:
        name: the file, for the message.
        get: downloads it and returns where it lies; it goes on where it was, if it can.
        by_hand: how to come by the file without it, for the message.

    Raises:
        UserError: no network, no answer in time, no such file, wrong bytes, or no room for them.
    """
    from requests.exceptions import ChunkedEncodingError

    for attempt in range(1, TRIES + 1):
        try:
            with _time_limit():
                return get()
        except (OSError, ValueError) as error:  # requests' own errors are OSErrors
            if isinstance(error, ChunkedEncodingError) and attempt < TRIES:
                continue
            reason = " ".join(str(error).split())
            raise UserError(f"cannot download {name}: {reason}\n{by_hand}") from error
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def _time_limit() -> Iterator[None]:
    """Let no request of the block wait longer than TIMEOUT: kagglehub's first one has no limit."""
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def send_in_time(*args: Any, **options: Any) -> Any:
        return send(*args, **(options | {"timeout": TIMEOUT}))

    HTTPAdapter.send = send_in_time
    try:
        yield
    finally:
        HTTPAdapter.send = send


def files(place: Path) -> dict[str, Traversable]:
    """Return the files of a folder, or those at any depth of a zip archive, by their names.

    Raises:
        UserError: ``place`` is neither.
    """
    if place.is_dir():
        return {file.name: file for file in place.iterdir() if file.is_file()}
    if not place.exists():
        raise UserError(f"{place}: no such folder or file; check dataset.path.")
    if not zipfile.is_zipfile(place):
        raise UserError(f"{place} is neither a folder nor a whole zip archive; get it again.")
    root = zipfile.Path(place)
    return {PurePosixPath(name).name: root / name for name in root.root.namelist()}


def find(place: Path, *names: str) -> dict[str, Traversable]:
    """Return these ``files`` of a folder or zip archive.

    Raises:
        UserError: ``place`` is neither, or one of them is not in it.
    """
    there = files(place)
    missing = [name for name in names if name not in there]
    if missing:
        raise UserError(f"{place}: no {', '.join(missing)} in it; check dataset.path.")
    return {name: there[name] for name in names}


def is_right(file: Traversable, digest: str) -> bool:
    """Say whether a file has the digest, written as ``sha256:…`` or ``md5:…``."""
    algorithm, _, expected = digest.partition(":")
    with reading(file) as data:
        return hashlib.file_digest(data, algorithm).hexdigest() == expected


def check(file: Traversable, digest: str, by_hand: str) -> None:
    """Refuse a file of another digest; ``by_hand`` ends the message with where it is to be had."""
    if not is_right(file, digest):
        raise UserError(
            f"{file} is damaged or another version: its digest is not {digest}.\n{by_hand}"
        )


def copy(file: Traversable, target: Path) -> None:
    """Write the bytes of ``file`` to ``target``."""
    with reading(file) as data, target.open("wb") as out:
        shutil.copyfileobj(data, out, 1 << 20)


@contextmanager
def reading(file: Traversable) -> Iterator[Any]:
    """Open a file, of an archive too, for its bytes.

    Raises:
        UserError: the archive turns out to be damaged.
    """
    try:
        with file.open("rb") as data:
            yield data
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f"{file} is damaged: {error}; get it again.") from error
