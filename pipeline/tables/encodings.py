"""The encoding of a text file: UTF-8, what its byte order mark says, or certainly Windows-1252."""

import codecs
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import UserError

UTF_8 = "utf-8-sig"  # a byte order mark of UTF-8 is left out, as engines do
BOMS = {  # longest first, as that of UTF-32 begins as that of UTF-16 does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
CHUNK = 1 << 20  # bytes

# What speaks against Windows-1252: characters of UTF-8, three letters beyond ASCII in a row, signs
# that text hardly has, and signs inside words.
FOREIGN = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\x80-\xff]{3}|"
    rb"[\x81-\x84\x86-\x90\x98\x9b\x9d\xa4\xa6\xac\xad\xaf\xb5\xb8]|"
    rb"[A-Za-z\xc0-\xff][\xa1\xa3\xa5\xa8\xa9\xb1\xb3\xb6\xb9\xbc-\xbf][A-Za-z\xc0-\xff]"
)


class Encoding(NamedTuple):
    """What the bytes of a file say.

    Attributes:
        name: the name in Python of its encoding.
        escapes: whether a quote follows a backslash somewhere; None if nobody has looked.
    """

    name: str
    escapes: bool | None = None


def encoding_of(path: Path) -> Encoding:
    """Find the encoding of a file; all its bytes are looked at, once if it is UTF-8.

    Raises:
        UserError: it is neither UTF-8, nor marked, nor certainly Windows-1252.
    """
    with path.open("rb") as file:
        start = file.read(4)
    for bom, name in BOMS.items():
        if start.startswith(bom):
            return Encoding(name)
    wrong, escapes = _look(path)
    if wrong is None:
        return Encoding(UTF_8, escapes)
    tail = b""
    for chunk in _chunks(path):
        if FOREIGN.search(tail + chunk):
            raise UserError(
                f"{path.name}: its text is not UTF-8 (first in line {_line(path, wrong)}), and not "
                "certainly Windows-1252. Save it as UTF-8; or, with dataset=local or "
                "dataset=ratings, say what it is, for example dataset.encoding=shift_jis."
            )
        tail = chunk[-2:]
    return Encoding("cp1252")


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, CHUNK at a time."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _look(path: Path) -> tuple[int | None, bool]:
    """Look at each byte once.

    Returns:
        The place of the first byte that is not UTF-8, None if all are; and whether a quote follows
        a backslash before it.
    """
    at, left, escapes = 0, b"", False
    for chunk in _chunks(path):
        piece = left + chunk
        # The last character, or an escape, may go on in the next chunk.
        end = len(piece) - next((n for n in (1, 2, 3) if piece[-n:][:1] >= b"\xc0"), 0)
        end -= piece[:end].endswith(b"\\")
        text, left = piece[:end], piece[end:]
        if not _is_utf_8(text):
            return at + _valid(text), escapes
        # The search for one byte takes a twentieth of that for two.
        escapes = escapes or (b"\\" in text and b'\\"' in text)
        at += end
    return (None if _is_utf_8(left) else at + _valid(left)), escapes


def _is_utf_8(text: bytes) -> bool:
    """Whether all bytes are UTF-8; Arrow is many times as fast as Python here."""
    import pyarrow as pa

    buffers = [None, pa.py_buffer(struct.pack("=qq", 0, len(text))), pa.py_buffer(text)]
    try:
        pa.Array.from_buffers(pa.large_string(), 1, buffers).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _valid(text: bytes) -> int:
    """Return the number of bytes up to the first that is not UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(text)


def _line(path: Path, at: int) -> int:
    """Return the number of the line in which a byte is, from 1."""
    line = 1
    for chunk in _chunks(path):
        line += chunk[: max(at, 0)].count(b"\n")
        at -= len(chunk)
    return line
