"""Ratings that somebody brings: a CSV file, or the XML that MyAnimeList exports, plain or gz."""

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

LARGEST = 64 * 2**20  # bytes of a list, unpacked: no person has rated so much


def read(path: Path, scale: tuple[int, int]) -> list[Rated]:
    """Read a list, as ``parse`` does.

    Raises:
        UserError: it cannot be read, or holds no rating; the message says what and where.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    with path.open("rb") as file:
        return parse(str(path), file.read(LARGEST + 1), scale)


def parse(name: str, data: bytes, scale: tuple[int, int]) -> list[Rated]:
    """Read a list; where a title is rated twice, the last rating counts.

    Args:
        name: what the list is called in messages.
        data: XML as MyAnimeList exports it, or CSV with the columns ``anime_id`` or ``title``, and
            ``rating``; either may be packed with gzip.
        scale: lowest and highest rating.

    Raises:
        UserError: it cannot be read, or holds no rating; the message says what and where.
    """
    if data.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{name} cannot be read: {error}") from error
    if len(data) > LARGEST:
        raise UserError(f"{name}: larger than {LARGEST // 2**20} MiB; this is no list of ratings.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: not a text file (byte {error.start}).") from error
    rows = _xml(name, text) if text.lstrip().startswith("<") else _csv(name, text)
    found = {}
    for place, title, rating in rows:
        if not scale[0] <= rating <= scale[1]:
            raise UserError(
                f"{name}, {place}: rating {rating:g} is not in {scale[0]} to {scale[1]}."
            )
        found[title] = Rated(title, rating)
    if not found:
        raise UserError(f"{name}: no title in it has a rating.")
    return list(found.values())


def _xml(name: str, text: str) -> Iterator[tuple[str, str, float]]:
    """Yield place, id and rating of each title that has one; 0 is MyAnimeList's "not rated"."""
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UserError(f"{name} is no XML that can be read: {error}") from error
    entries = root.findall("anime")
    if not entries:
        raise UserError(f"{name}: no <anime> in it; export the list of anime on MyAnimeList.")
    for number, entry in enumerate(entries, start=1):
        place = f"<anime> number {number}"
        title = (entry.findtext("series_animedb_id") or "").strip()
        if not title.isdecimal():
            raise UserError(f"{name}, {place}: no <series_animedb_id> with a number.")
        rating = _number(name, place, entry.findtext("my_score") or "0")
        if rating:
            yield place, title, rating


def _csv(name: str, text: str) -> Iterator[tuple[str, str, float]]:
    reader = csv.DictReader(io.StringIO(text))
    try:
        names = reader.fieldnames or []
        title = next((own for own in ("anime_id", "title") if own in names), None)
        if title is None or "rating" not in names:
            raise UserError(
                f"{name}: needs the columns rating, and anime_id or title; it has "
                f"{', '.join(names[:9])[:200]}."
            )
        for row in reader:
            place = f"line {reader.line_num}"
            if not (row[title] or "").strip():
                raise UserError(f"{name}, {place}: no {title}.")
            yield place, row[title].strip(), _number(name, place, row["rating"] or "")
    except csv.Error as error:
        raise UserError(f"{name}, line {reader.line_num + 1}: no CSV: {error}.") from error


def _number(name: str, place: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{name}, {place}: rating {text!r} is no number.") from None
