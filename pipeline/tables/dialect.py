r"""How a CSV file is written: its encoding, what stands between columns, how quotes are escaped.

Engines read plain files: UTF-8, commas, and ``""`` for a quote inside quotes. A file in another
dialect is rewritten as a plain one first, row by row.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pipeline.errors import UserError
from pipeline.tables.encodings import UTF_8, Encoding, encoding_of

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SAMPLE = 50  # records that must agree on what stands between columns
MAX_HEADER = 1 << 16  # characters of a line of the sample: what is no CSV may have no line breaks
MAX_LINE = 1 << 21  # characters of any other line, as for DuckDB


@dataclass(frozen=True)
class Dialect:
    r"""How a CSV file is written.

    Attributes:
        encoding: its name in Python.
        delimiter: the character between columns.
        told: whether the first line is ``sep=`` and the delimiter, as Excel writes it.
        backslash: whether a quote inside quotes is ``\"``.
        blank: whether blank lines stand above the header.
    """

    encoding: str = UTF_8
    delimiter: str = ","
    told: bool = False
    backslash: bool = False
    blank: bool = False

    @property
    def plain(self) -> bool:
        """Whether engines can read the file as it is."""
        return self == Dialect()

    def words(self) -> list[str]:
        """Say in a few words each what is not as in a plain file."""
        encoding = "Windows-1252" if self.encoding == "cp1252" else self.encoding.upper()
        told = ", as its first line says" if self.told else ""
        between = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        found = {
            encoding: self.encoding != UTF_8,
            f"{between} between columns{told}": self.delimiter != "," or self.told,
            r"\" for a quote": self.backslash,
            "blank lines above the header": self.blank,
        }
        return [word for word, true in found.items() if true]


def sniff(path: Path, encoding: str | None = None) -> Dialect:
    """Find out how a CSV file is written; all its bytes are looked at.

    Args:
        path: the file.
        encoding: what the user says it is; None to find out.

    Raises:
        UserError: the file cannot be read, or can be read in two ways; the message names both.
    """
    with _readable(path):
        found = Encoding(encoding) if encoding else encoding_of(path)
        dialect = _delimited(path, Dialect(found.name))
        if not (_has_escapes(path, dialect) if found.escapes is None else found.escapes):
            return dialect
        even = [each for each in (dialect, replace(dialect, backslash=True)) if _even(path, each)]
        if len(even) > 1:
            raise UserError(
                f'{path.name}: \\" in it may be a quote, or a backslash and a quote. Write the '
                'file with "" for a quote inside quotes.'
            )
        return even[0] if even else dialect


def records(path: Path, dialect: Dialect, longest: int = MAX_LINE) -> Iterator[list[str]]:
    """Yield the records of a file, the header among them, without blank lines.

    Raises:
        UserError: it is not CSV, or has a line of more than ``longest`` characters.
    """
    with _readable(path), path.open(encoding=dialect.encoding, newline="") as file:
        reader = _reader(file, dialect, longest)
        where = "its first lines"
        try:
            for record in filter(None, reader):
                yield record
                where = ""
        except (csv.Error, UnicodeError) as error:
            where = where or f"line {reader.line_num + dialect.told}"
            raise UserError(
                f"{path.name}: {where} cannot be read as CSV: {error}. Fix the file, or download "
                "it again."
            ) from error


def rewrite(path: Path, dialect: Dialect, target: Path) -> None:
    """Write a file in any dialect as a plain one, which has the same rows in the same order.

    Raises:
        UserError: it is not CSV, or a row does not have as many cells as the header.
    """
    with target.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        width = None
        for number, record in enumerate(records(path, dialect)):
            width = width or len(record)
            if len(record) != width:
                raise UserError(
                    f"{path.name}, row {number} below the header: {len(record)} cells for {width} "
                    f"columns ({'; '.join(dialect.words())}). Fix the file, or download it again."
                )
            out.writerow(record)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    except LookupError as error:
        raise UserError(f"dataset.encoding: {error}; it is a name that Python knows.") from error


def _delimited(path: Path, start: Dialect) -> Dialect:
    """Find what stands between the columns."""
    with path.open(encoding=start.encoding, newline="") as file, suppress(UnicodeError):
        line = file.readline(MAX_HEADER)
        if told := re.fullmatch(r'"?sep=(.)"?[\r\n]*', line, re.IGNORECASE):
            return replace(start, delimiter=told[1], told=True)
        start = replace(start, blank=line in ("\n", "\r", "\r\n"))
    widths = {}
    for delimiter in DELIMITERS:
        found = _widths(path, replace(start, delimiter=delimiter))
        if found and found[0] > 1:
            widths[delimiter] = found
    even = [delimiter for delimiter, found in widths.items() if len(set(found)) == 1]
    if len(even) > 1:
        one, other = (DELIMITERS[delimiter] for delimiter in even[:2])
        raise UserError(
            f"{path.name}: {one} or {other} may stand between its columns. Say which in a line "
            f"above its header, for example sep={even[0]}"
        )
    best = even or sorted(widths, key=lambda delimiter: (delimiter != ",", -widths[delimiter][0]))
    return replace(start, delimiter=best[0]) if best else start


def _widths(path: Path, dialect: Dialect) -> list[int]:
    """Return the numbers of cells of the first records, up to one that is not CSV."""
    widths: list[int] = []
    with suppress(UserError):
        for record in islice(records(path, dialect, MAX_HEADER), SAMPLE):
            widths.append(len(record))
    return widths


def _has_escapes(path: Path, dialect: Dialect) -> bool:
    """Whether a quote follows a backslash somewhere."""
    with path.open(encoding=dialect.encoding, newline="") as file:
        with suppress(csv.Error, UnicodeError):
            return any('\\"' in line for line in _lines(file, MAX_LINE))
        return False


def _even(path: Path, dialect: Dialect) -> bool:
    """Whether the whole file is CSV with as many cells in each row as in the header."""
    rows = records(path, dialect)
    try:
        width = len(next(rows, []))
        return all(len(row) == width for row in rows)
    except UserError:
        return False


def _reader(file: TextIO, dialect: Dialect, longest: int) -> "Reader":
    lines = _lines(file, longest)
    if dialect.told:
        next(lines, "")
    if dialect.backslash:  # only \" and \\ are escapes: \N stands for a missing value
        lines = (re.sub(r'\\(["\\]?)', _escaped, line) for line in lines)
    escape = "\\" if dialect.backslash else None
    return csv.reader(lines, delimiter=dialect.delimiter, escapechar=escape, strict=True)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[1] else "\\\\"


def _lines(file: TextIO, longest: int) -> Iterator[str]:
    while line := file.readline(longest + 1):
        if len(line) > longest:
            raise csv.Error(f"a line is longer than {longest} characters")
        yield line
