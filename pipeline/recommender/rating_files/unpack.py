"""Unpacks a list: gzip and ZIP, as far as a list can be large."""

import gzip
import io
import zipfile
import zlib
from pathlib import PurePosixPath

from pipeline.errors import UserError

MAX_BYTES = 64 * 2**20  # unpacked: far more than anyone rates, and it stops bombs
LISTS = {".csv", ".tsv", ".txt", ".xml", ".json", ".gz"}
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


def unpacked(name: str, data: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes of a list that may be in a ZIP, gzipped, or both.

    Raises:
        UserError: it is damaged, encrypted or too large, or the ZIP has not exactly one list.
    """
    _check_size(name, data)
    if data.startswith(ZIP):
        name, data = _from_zip(name, data)
    if data.startswith(GZIP):
        try:
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{name} cannot be read as gzip: {error}") from error
    _check_size(name, data)
    if data.startswith(ZIP):
        raise UserError(f"{name} is packed twice; unpack it once.")
    return name, data


def _check_size(name: str, data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise UserError(f"{name} is larger than {MAX_BYTES // 2**20} MiB, too large for a list.")


def _from_zip(name: str, data: bytes) -> tuple[str, bytes]:
    """Return the one list of a ZIP."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = [info for info in file.infolist() if _is_list(info)]
            if "[Content_Types].xml" in file.namelist() or "mimetype" in file.namelist():
                raise UserError(f"{name} is a workbook or document; save the list as CSV.")
            lists = [one for one in members if not one.filename.lower().endswith(".txt")]
            members = lists if len(lists) == 1 else members  # README.txt beside it is no list
            if len(members) != 1:
                names = ", ".join(info.filename for info in members[:9]) or "none"
                raise UserError(f"{name} must have exactly one list in it; it has {names[:200]}.")
            one = f"{members[0].filename} in {name}"
            if members[0].flag_bits & 1:
                raise UserError(f"{one} is encrypted; unpack it first.")
            with file.open(members[0]) as member:
                return one, member.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, ValueError,
            RuntimeError) as error:  # fmt: skip
        raise UserError(f"{name} cannot be read as ZIP: {str(error)[:99]}") from error


def _is_list(info: zipfile.ZipInfo) -> bool:
    """Whether a file in a ZIP may be a list, not a folder and not what macOS adds."""
    path = PurePosixPath(info.filename.replace("\\", "/"))
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return not info.is_dir() and not hidden and path.suffix.lower() in LISTS
