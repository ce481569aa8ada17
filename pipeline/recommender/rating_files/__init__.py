"""Reads a person's list from a file: CSV, XML or JSON, as people and programs write them.

What cannot be read costs an entry, not the list, and is said; where two readings are possible the
list is refused.
"""

from pathlib import Path

from pipeline.errors import UserError
from pipeline.recommender.bounds import SIGNS, check_entries
from pipeline.recommender.listed import Brought, Listed
from pipeline.recommender.rating_files.decode import decoded
from pipeline.recommender.rating_files.from_csv import from_csv
from pipeline.recommender.rating_files.from_json import from_json
from pipeline.recommender.rating_files.from_xml import from_xml
from pipeline.recommender.rating_files.raw import Range, Raw, Rows
from pipeline.recommender.rating_files.scales import UNRATED, Number, number, placed, scale_of
from pipeline.recommender.rating_files.unpack import MAX_BYTES, unpacked
from pipeline.recommender.statuses import status_of


def read(path: Path, scale: Range, stated: Range | None = None) -> Brought:
    """Read a list from a file, as ``parse`` reads it from bytes.

    Raises:
        UserError: the file cannot be read or has no titles; the message says what and where.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    return parse(str(path), data, scale, stated)


def parse(name: str, data: bytes, scale: Range, stated: Range | None = None) -> Brought:
    """Read a list from the bytes of a file.

    Args:
        name: the file's name, for messages.
        data: MyAnimeList's XML export; CSV with the columns ``anime_id`` or ``title``, and
            ``rating`` or ``status`` or both; or JSON of the usual sites. It may be gzipped or in a
            ZIP. A title without a status is completed. 0 and -1 are no rating where the scale
            begins above them.
        scale: lowest and highest rating of the model, onto which ratings are brought.
        stated: lowest and highest rating of the list, if somebody says so.

    Raises:
        UserError: the file cannot be read, has no titles, or can be read in two ways.
    """
    name, data = unpacked(name, data)
    content, notes = decoded(name, data)
    for sign in "<&{[":
        if content.count(sign) > SIGNS:
            raise UserError(f'{name} has more than {SIGNS:,} times "{sign}": too large for a list.')
    start = content.lstrip()[:1]
    form = from_xml if start == "<" else from_json if start and start in "[{" else from_csv
    rows = form(name, content)
    onto = float(scale[0]), float(scale[1])
    try:
        check_entries(len(rows.entries))
        entries, skipped, more = _listed(rows, onto, stated)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    skipped = [*rows.skipped, *skipped]
    if not entries:
        raise UserError(f"{name}: no title in it{': ' + skipped[0] if skipped else '.'}")
    return Brought(tuple(entries), tuple(skipped), (*notes, *rows.notes, *more))


def _listed(
    rows: Rows, onto: Range, stated: Range | None
) -> tuple[list[Listed], list[str], list[str]]:
    """Return entries with their ratings on the model's scale, what is skipped, and what is assumed.

    Raises:
        UserError: the ratings may be of two scales.
    """
    skipped, read = list[str](), list[tuple[Raw, Number, str]]()
    for raw in rows.entries:
        try:
            if not raw.anime_id and not raw.name:
                raise UserError("no id and no name." if rows.ids else "no name.")
            read.append((raw, number(raw.rating), status_of(raw.status)))
        except UserError as error:
            skipped.append(f"{raw.where}: {error}")
    least = (stated or rows.scale or onto)[0]
    plain = [rating.value for _, rating, _ in read if rating.value is not None and not rating.of]
    of, notes = (stated, []) if stated else scale_of(plain, rows.scale, onto)
    entries = []
    for raw, rating, status in read:
        try:
            value = _on(rating, least, of, onto)
        except UserError as error:
            skipped.append(f"{raw.where}: {error}")
            continue
        exact = rows.ids and not raw.anime_id
        entries.append(Listed(raw.anime_id, value, status, raw.name, raw.where, exact))
    return entries, skipped, notes


def _on(rating: Number, least: float, of: Range, onto: Range) -> float | None:
    """Return a rating on the model's scale, None for none."""
    if rating.value is None or (rating.value in UNRATED and rating.value < least):
        return None
    return placed(rating.value, (0, rating.of) if rating.of else of, onto)


__all__ = ["parse", "read"]
