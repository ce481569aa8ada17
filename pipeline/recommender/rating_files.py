"""Reads a person's ratings from a CSV file or MyAnimeList's XML export, plain or gzipped."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.errors import UserError
from pipeline.recommender.catalogue import Rated

MAX_BYTES = 64 * 2**20  # unpacked: far more than anyone rates, and it stops gzip bombs


def read(path: Path, scale: tuple[int, int]) -> list[Rated]:
    """Read ratings from a file, as ``parse`` reads them from bytes.

    Raises:
        UserError: the file cannot be read or has no ratings; the message says what and where.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    with path.open("rb") as file:
        return parse(str(path), file.read(MAX_BYTES + 1), scale)


def parse(name: str, data: bytes, scale: tuple[int, int]) -> list[Rated]:
    """Read ratings from the bytes of a file; if a title occurs twice, its last rating counts.

    Args:
        name: the file's name, for messages.
        data: MyAnimeList's XML export, or CSV with the columns ``anime_id`` or ``title``, and
            ``rating``; either may be gzipped.
        scale: lowest and highest rating.

    Raises:
        UserError: the file cannot be read or has no ratings; the message says what and where.
    """
    if data.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{name} cannot be read: {error}") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{name} is larger than {MAX_BYTES // 2**20} MiB, too large for ratings.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not a UTF-8 text file (byte {error.start}).") from error
    rows = _xml(name, text) if text.lstrip().startswith("<") else _csv(name, text)
    ratings = {}
    for where, title, rating in rows:
        if not scale[0] <= rating <= scale[1]:
            raise UserError(
                f"{name}, {where}: rating {rating:g} is not from {scale[0]} to {scale[1]}."
            )
        ratings[title] = Rated(title, rating)
    if not ratings:
        raise UserError(f"{name}: no title in it has a rating.")
    return list(ratings.values())


def _xml(name: str, text: str) -> Iterator[tuple[str, str, float]]:
    """Yield where in the file, id and rating, of each title that has a rating."""
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UserError(f"{name} cannot be read as XML: {error}") from error
    entries = root.findall("anime")
    if not entries:
        raise UserError(f"{name}: no <anime> in it; export your anime list from MyAnimeList.")
    for number, entry in enumerate(entries, start=1):
        where = f"<anime> number {number}"
        title = (entry.findtext("series_animedb_id") or "").strip()
        if not title.isdecimal():
            raise UserError(f"{name}, {where}: no <series_animedb_id> with a number.")
        rating = _number(name, where, entry.findtext("my_score") or "0")
        if rating:  # MyAnimeList writes 0 for a title without a rating
            yield where, title, rating


def _csv(name: str, text: str) -> Iterator[tuple[str, str, float]]:
    """Yield where in the file, title or id, and rating, of each row."""
    reader = csv.DictReader(io.StringIO(text))
    try:
        columns = reader.fieldnames or []
        title = next((column for column in ("anime_id", "title") if column in columns), None)
        if title is None or "rating" not in columns:
            present = ", ".join(columns[:9])[:200] or "none"
            raise UserError(
                f"{name}: needs the columns rating, and anime_id or title; it has {present}."
            )
        for row in reader:
            where = f"line {reader.line_num}"
            if not (row[title] or "").strip():
                raise UserError(f"{name}, {where}: no {title}.")
            yield where, row[title].strip(), _number(name, where, row["rating"] or "")
    except csv.Error as error:
        raise UserError(f"{name}, line {reader.line_num + 1}: not valid CSV: {error}.") from error


def _number(name: str, where: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{name}, {where}: rating {text!r} is not a number.") from None
