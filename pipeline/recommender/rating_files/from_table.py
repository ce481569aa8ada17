"""Reads a table with one title per row: which columns it has, and what they say."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.errors import UserError
from pipeline.recommender.bounds import KEYS
from pipeline.recommender.rating_files.raw import Range, Raw, Rows, id_text, key, name_text, text

# Headers without spaces, signs and capitals; those in front say more, and win.
IDS = ("animeid", "malid", "myanimelistid", "seriesanimedbid", "movieid", "itemid", "titleid")
UNSURE_IDS = ("id",)  # of this catalogue only if nothing else names the titles
NAMES = (
    "title", "name", "animetitle", "animename", "seriestitle", "anime", "movietitle", "itemname",
)  # fmt: skip
RATINGS = (
    ("myscore", "myrating", "yourrating", "yourscore", "userrating", "userscore", "rating10"),
    ("rating", "score"),
)
STATUSES = (
    "mystatus", "status", "watchlist", "liststatus", "watchingstatus", "watchstatus", "shelf",
    "userstatus",
)  # fmt: skip
USERS = ("user", "username", "userid")
TEN: Range = (1, 10)


class Columns(NamedTuple):
    """Positions of the columns that count; None for a column that is not there."""

    anime_id: int | None
    name: int | None
    rating: int | None
    status: int | None

    def usable(self) -> bool:
        """Whether the table names titles and says something of them."""
        return None not in (
            self.anime_id if self.name is None else self.name,
            self.rating if self.status is None else self.status,
        )


Table = Sequence[tuple[str, Sequence[object]]]  # each row: where it is, and its cells


def columns_of(headers: Sequence[object]) -> Columns:
    """Find the columns that count by their headers."""
    keys = [key(header) for header in headers]
    first = [_first(keys, names) for names in (IDS, NAMES, sum(RATINGS, ()), STATUSES)]
    if first[0] is None and first[1] is None:
        first[0] = _first(keys, UNSURE_IDS)
    return Columns(*first)


def _first(keys: Sequence[str], names: Iterable[str]) -> int | None:
    return next((keys.index(name) for name in names if name in keys), None)


def from_table(name: str, headers: Sequence[object], table: Table) -> Rows:
    """Read the rows of a table.

    Args:
        name: the file's name, for messages.
        headers: of the columns.
        table: the rows; those with more cells than headers are skipped, those with fewer end early.

    Raises:
        UserError: a column is missing, two columns of one meaning disagree, or there are several
            users.
    """
    columns, keys = columns_of(headers), [key(header) for header in headers]
    if not columns.usable():
        present = ", ".join(str(header) for header in headers[:9])[:200] or "none"
        raise UserError(
            f"{name}: needs the columns anime_id or title, and rating or status; it has {present}."
        )
    _check(name, headers, table)
    entries, skipped = [], list[str]()
    for where, cells in table:
        if any(text(cell) for cell in cells[len(headers) :]):
            skipped.append(f"{where}: {len(cells)} cells under {len(headers)} headers.")
            continue
        picked = [_cell(cells, position) for position in columns]
        if columns.name is not None and columns.name < len(cells):
            picked[1] = name_text(cells[columns.name])
        if any("\n" in one for one in picked):
            skipped.append(f"{where}: a line break in a cell; is a quote not closed?")
            continue
        anime_id, title, rating, status = picked
        entries.append(Raw(where, id_text(anime_id), title, rating, status))
    notes = _notes(keys, columns)
    return Rows(entries, skipped, notes, _scale(keys, columns), columns.anime_id is not None)


def _cell(cells: Sequence[object], position: int | None) -> str:
    return "" if position is None or position >= len(cells) else text(cells[position])


def _scale(keys: Sequence[str], columns: Columns) -> Range | None:
    """Return the scale of ratings that the headers make certain."""
    if columns.rating is None:
        return None
    if "letterboxduri" in keys and keys[columns.rating] == "rating":
        return (0.5, 5)
    return TEN if keys[columns.rating] == "rating10" or "simklid" in keys else None


def _notes(keys: Sequence[str], columns: Columns) -> list[str]:
    """Say what the headers make certain, and which ones do not count."""
    notes, scale = list[str](), _scale(keys, columns)
    if scale is not None and scale[1] != TEN[1]:
        notes.append(f"Ratings of Letterboxd; read as out of {scale[1]:g}.")
    if columns.name is not None and columns.anime_id is None and "id" in keys:
        notes.append(
            "The column id may be of another site and is not used; call it anime_id if it is not."
        )
    if columns.anime_id is not None and keys[columns.anime_id] == "id":
        notes.append("The column id is read as ids of the catalogue.")
    chosen = None if columns.rating is None else keys[columns.rating]
    if chosen in RATINGS[0] and {*RATINGS[1]} & {*keys}:
        notes.append(f"Of the columns of ratings, {chosen} counts.")
    return notes


def _check(name: str, headers: Sequence[object], table: Table) -> None:
    """Check that columns of one meaning agree, and that there is one user.

    Raises:
        UserError: they do not, or there are several.
    """
    keys = [key(header) for header in headers]
    own = any(one in RATINGS[0] for one in keys)
    for meaning in (IDS, NAMES, RATINGS[0] if own else RATINGS[1], STATUSES):
        same = [position for position, one in enumerate(keys) if one in meaning]
        for position in same[1:]:
            for where, cells in table:
                pair = _cell(cells, same[0]), _cell(cells, position)
                if pair[0] != pair[1] and all(pair):
                    both = f"{headers[same[0]]} and {headers[position]}"
                    raise UserError(
                        f"{name}, {where}: the columns {both} differ ({pair[0][:40]}, "
                        f"{pair[1][:40]}) and may both be meant; remove one."
                    )
    for position in (position for position, one in enumerate(keys) if one in USERS):
        users = {_cell(cells, position) for _, cells in table} - {""}
        if len(users) > 1:
            raise UserError(
                f"{name}: the column {headers[position]} has {len(users)} users; keep the rows of "
                "one."
            )


def from_objects(name: str, objects: Sequence[Mapping[str, object]], what: str = "entry") -> Rows:
    """Read a list of objects as a table whose columns are their keys.

    Raises:
        UserError: as ``from_table`` does; or only some have a rating that is surely the person's.
    """
    own, other = "", ""
    for number, one in enumerate(objects, start=1):
        mine, any_ = ([header for header in one if key(header) in names] for names in RATINGS)
        if mine:
            own = own or f"{what} {number} has {mine[0]}"
        elif any_:
            other = other or f"{what} {number} only {any_[0]}"
    if own and other:
        raise UserError(
            f"{name}: {own}, and {other}, which may be the mean of all users; give all the same "
            "keys."
        )
    headers = list(dict.fromkeys(header for one in objects for header in one))
    if len(headers) > KEYS:
        raise UserError(f"{name}: {len(headers):,} different keys; a list has at most {KEYS:,}.")
    table = [
        (f"{what} {number}", [one.get(header) for header in headers])
        for number, one in enumerate(objects, start=1)
    ]
    return from_table(name, headers, table)
