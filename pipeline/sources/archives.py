"""Raw files from outside the repository, downloaded or placed by hand, and their digests."""

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

TIMEOUT = 15.0  # seconds to connect, and between two received chunks
TRIES = 3  # attempts while the connection breaks during the transfer
LARGE, RATIO = 2**28, 100  # a larger file that is packed tighter is a bomb; ratings are by 3 to 20


def download(name: str, fetch: Callable[[], Path], by_hand: str) -> Path:
    """Download a file; retry only if the connection breaks during the transfer.

    Args:
        name: the file, for the message.
        fetch: downloads the file, or the rest of it, and returns its path.
        by_hand: how to place the file by hand, for the message.

    Raises:
        UserError: no network, no answer in time, no such file, wrong bytes, or a full disk.
    """
    from requests.exceptions import ChunkedEncodingError

    for attempt in range(1, TRIES + 1):
        try:
            with _time_limit():
                return fetch()
        except (OSError, ValueError) as error:  # requests' own errors are OSErrors
            if isinstance(error, ChunkedEncodingError) and attempt < TRIES:
                continue
            reason = " ".join(str(error).split())
            raise UserError(f"cannot download {name}: {reason}\n{by_hand}") from error
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def _time_limit() -> Iterator[None]:
    """Give every request in the block the TIMEOUT; kagglehub's first request has none."""
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
    """Return the files of a folder, or those at any depth of a zip archive, by name.

    Raises:
        UserError: ``place`` is neither a folder nor a zip archive.
    """
    if place.is_dir():
        return {file.name: file for file in place.iterdir() if file.is_file()}
    if not place.exists():
        raise UserError(f"{place}: no such folder or file; check dataset.path.")
    if not zipfile.is_zipfile(place):
        raise UserError(
            f"{place} is neither a folder nor a complete zip archive; download it again."
        )
    root = zipfile.Path(place)
    names = [name for name in root.root.namelist() if not name.endswith("/")]
    return {PurePosixPath(name).name: root / name for name in names}


def find(place: Path, *names: str) -> dict[str, Traversable]:
    """Return the files with these names from a folder or zip archive.

    What an archive calls a folder or a link decides nothing: callers say where a file goes, and a
    link is the text that it consists of.

    Raises:
        UserError: ``place`` is neither, or lacks one of the files, or one is a bomb.
    """
    present = files(place)
    missing = [name for name in names if name not in present]
    if missing:
        raise UserError(f"{place}: no {', '.join(missing)} in it; check dataset.path.")
    for file in (present[name] for name in names):
        if isinstance(file, zipfile.Path):
            packed = file.root.getinfo(file.at)
            if packed.file_size > max(LARGE, RATIO * packed.compress_size):
                raise UserError(
                    f"{file} would take {packed.file_size:,} bytes, more than {RATIO} times what "
                    "it is packed into. No file of ratings is like that: get it elsewhere, or "
                    "unpack it yourself and set dataset.path to the folder."
                )
    return {name: present[name] for name in names}


def digest_of(file: Traversable, algorithm: str = "sha256") -> str:
    """Return the digest of a file: ``sha256:…`` or ``md5:…``."""
    with reading(file) as data:
        return f"{algorithm}:{hashlib.file_digest(data, algorithm).hexdigest()}"


def has_digest(file: Traversable, digest: str | None) -> bool:
    """Whether a file has the digest ``sha256:…`` or ``md5:…``; None is that of any file."""
    return digest is None or digest_of(file, digest.partition(":")[0]) == digest


def unpinned(file: Traversable) -> str:
    """Return the digest of a file that no setting pins, and tell people what it is."""
    digest = digest_of(file)
    print(f"{file.name}: no digest is pinned; what was read has {digest}")
    return digest


def check(file: Traversable, digest: str | None, by_hand: str) -> None:
    """Refuse a file with another digest; ``by_hand`` ends the message with how to get the file."""
    if not has_digest(file, digest):
        raise UserError(
            f"{file} is damaged or another version: its digest is not {digest}.\n{by_hand}"
        )


def copy(file: Traversable, target: Path) -> None:
    """Copy a file, possibly from an archive, to ``target``."""
    with reading(file) as data, target.open("wb") as out:
        shutil.copyfileobj(data, out, 1 << 20)


@contextmanager
def reading(file: Traversable) -> Iterator[Any]:
    """Open a file, possibly in an archive, in binary mode.

    Raises:
        UserError: the archive is damaged, encrypted or packed in a way that Python does not know.
    """
    try:
        with file.open("rb") as data:
            yield data
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f"{file} is damaged: {error}; download it again.") from error
    except RuntimeError as error:
        raise UserError(f"{file} cannot be unpacked: {error}. Unpack it yourself.") from error
