"""Reads a person's list from a CSV file or MyAnimeList's XML export, plain or gzipped."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.artifact.scale import Scale
from pipeline.errors import UserError
from pipeline.recommender.listed import STATUSES, Listed

MAX_BYTES = 64 * 2**20  # unpacked: far more than anyone rates, and it stops gzip bombs
NUMBER = re.compile(r"[+-]?\d*\.?\d+([eE][+-]?\d+)?")
UNRATED = (0, -1)  # what lists have in place of a rating, unless the scale has it
# Other words for statuses, MyAnimeList's numbers too; without spaces, hyphens and underscores.
WORDS = {status.replace("_", ""): status for status in STATUSES} | {
    "": "completed", "1": "watching", "2": "completed", "3": "on_hold", "4": "dropped",
    "6": "planned", "plantowatch": "planned", "ptw": "planned", "planning": "planned",
    "paused": "on_hold", "hold": "on_hold", "current": "watching", "currentlywatching": "watching",
    "rewatching": "completed", "repeating": "completed", "watched": "completed",
}  # fmt: skip

Row = tuple[str, str, str, str]  # where in the file, id or name, rating, status


def read(path: Path, scale: Scale) -> list[Listed]:
    """Read a list from a file, as ``parse`` reads it from bytes.

    Raises:
        UserError: the file cannot be read or has no titles; the message says what and where.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    with path.open("rb") as file:
        return parse(str(path), file.read(MAX_BYTES + 1), scale)


def parse(name: str, data: bytes, scale: Scale) -> list[Listed]:
    """Read a list from the bytes of a file; if a title occurs twice, its last row counts.

    Args:
        name: the file's name, for messages.
        data: MyAnimeList's XML export, or CSV with the columns ``anime_id`` or ``title``, and
            ``rating`` or ``status`` or both; either may be gzipped. A title without a status is
            completed. 0 and -1 are no rating where the scale begins above them.
        scale: the scale of the ratings.

    Raises:
        UserError: the file cannot be read or has no titles; the message says what and where.
    """
    if data.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{name} cannot be read: {error}") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{name} is larger than {MAX_BYTES // 2**20} MiB, too large for a list.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not a UTF-8 text file (byte {error.start}).") from error
    rows = _xml(name, text) if text.lstrip().startswith("<") else _csv(name, text)
    entries = {}
    for where, title, rating, status in rows:
        try:
            entries[title] = Listed(title, _rating(rating, scale), status_of(status))
        except UserError as error:
            raise UserError(f"{name}, {where}: {error}") from error
    if not entries:
        raise UserError(f"{name}: no title in it.")
    return list(entries.values())


def _xml(name: str, text: str) -> Iterator[Row]:
    """Yield the row of each title."""
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UserError(f"{name} cannot be read as XML: {error}") from error
    entries = root.findall("anime")
    if not entries:
        raise UserError(f"{name}: no <anime> in it; export your anime list from MyAnimeList.")
    for number, entry in enumerate(entries, start=1):
        where = f"<anime> number {number}"
        tags = ("series_animedb_id", "my_score", "my_status")
        title, rating, status = ((entry.findtext(tag) or "").strip() for tag in tags)
        if not title.isdecimal():
            raise UserError(f"{name}, {where}: no <series_animedb_id> with a number.")
        # MyAnimeList writes 0 for a title without a rating, whatever the scale.
        yield where, title, "" if rating == "0" else rating, status


def _csv(name: str, text: str) -> Iterator[Row]:
    """Yield the row of each title."""
    reader = csv.DictReader(io.StringIO(text))
    try:
        columns = reader.fieldnames or []
        title = next((column for column in ("anime_id", "title") if column in columns), None)
        if title is None or not {"rating", "status"} & set(columns):
            present = ", ".join(columns[:9])[:200] or "none"
            raise UserError(
                f"{name}: needs the columns anime_id or title, and rating or status; it has "
                f"{present}."
            )
        for row in reader:
            where = f"line {reader.line_num}"
            cells = ((row.get(column) or "").strip() for column in (title, "rating", "status"))
            of_row, rating, status = cells
            if not of_row:
                raise UserError(f"{name}, {where}: no {title}.")
            if title == "anime_id" and NUMBER.fullmatch(of_row):
                of_row, _, rest = of_row.partition(".")  # 12.0 is how some programs write 12
                if not of_row.isdecimal() or rest.strip("0"):
                    raise UserError(f"{name}, {where}: anime_id is not a whole number.")
            rating = "" if rating.lower() == "nan" else rating  # how some programs write nothing
            if not rating and "status" not in columns:
                raise UserError(
                    f"{name}, {where}: no rating; remove the line, write 0 for a title that was "
                    "watched and not rated, or add a column status."
                )
            yield where, of_row, rating, status
    except csv.Error as error:
        raise UserError(f"{name}, line {reader.line_num + 1}: not valid CSV: {error}.") from error


def _rating(text: str, scale: Scale) -> float | None:
    """Return the rating, None for none.

    Raises:
        UserError: it is not a number of the scale.
    """
    try:
        rating = float(text) if text else None
    except ValueError:
        raise UserError(f"rating {text!r} is not a number.") from None
    if rating is None or (rating in UNRATED and rating < scale.low):
        return None
    if not scale.low <= rating <= scale.high:
        raise UserError(f"rating {rating:g} is not from {scale.low:g} to {scale.high:g}.")
    return rating


def status_of(text: str) -> str:
    """Return the one of STATUSES that a word or a number of MyAnimeList stands for.

    Raises:
        UserError: it stands for none.
    """
    word = re.sub(r"[\s_-]", "", text.lower())
    if word not in WORDS:
        raise UserError(f"status {text[:99]!r} is unknown; choose from {', '.join(STATUSES)}.")
    return WORDS[word]
