"""The files of MovieLens archives, of each of their four forms, as those of Kaggle."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

from pipeline.errors import UserError
from pipeline.sources import archives

SPLITS = ("u1", "u2", "u3", "u4", "u5", "ua", "ub")
GENDERS = {"M": "Male", "F": "Female"}
SCORES = ("user_id", "anime_id", "rating", "timestamp")
NUMBER = re.compile(r"\d+(\.\d+)?")
NO_GENRES = ("unknown", "(no genres listed)")

Rows = Iterable[dict[str, str]]


def read(place: Path, split: str | None) -> dict[str, Rows]:
    """Read an archive or its folder: by the names of pipeline/tables/raw.py, the rows of files.

    Args:
        place: MovieLens 100K (``u.data``), 1M (``users.dat``), 10M (``movies.dat``), or any later
            one (``movies.csv``).
        split: a test set of MovieLens 100K; None for none, and for all others.

    Raises:
        UserError: a file is missing or damaged, or there is no such split.
    """
    present = archives.files(place)
    forms: dict[str, tuple[str, Callable[[Path], dict[str, Rows]]]] = {
        "movies.csv": ("this archive", _read_latest),
        "users.dat": ("MovieLens 1M", lambda place: _read_dat(place, "latin-1")),
        "movies.dat": ("MovieLens 10M", lambda place: _read_dat(place, "utf-8")),
    }
    title, form = next((form for name, form in forms.items() if name in present), (None, None))
    if form is None:
        return _read_100k(place, split)
    if split is not None:
        raise UserError(f"dataset.split: {title} has no split {split!r}; it must be null.")
    return form(place)


def _read_100k(place: Path, split: str | None) -> dict[str, Rows]:
    from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV

    if split is not None and split not in SPLITS:
        raise UserError(f"dataset.split: {split!r} is unknown; one of {', '.join(SPLITS)}, null.")
    scores = {SCORES_CSV: "u.data"}
    if split is not None:
        scores = {SCORES_CSV: f"{split}.base", TEST_CSV: f"{split}.test"}
    files = archives.find(place, "u.item", "u.genre", "u.user", *scores.values())
    genres = [name for name, _ in _lines(files["u.genre"], "|", 2)]
    films = (
        _film(item, title, [g for g, flag in zip(genres, flags, strict=True) if flag == "1"], date)
        for item, title, date, _, _, *flags in _lines(files["u.item"], "|", 5 + len(genres), 1)
    )
    users = (_user(user, gender) for user, _, gender, *_ in _lines(files["u.user"], "|", 5, 1))
    ratings = {name: _scores(files[file], "\t") for name, file in scores.items()}
    return {CATALOGUE_CSV: films, DETAILS_CSV: users, **ratings}


def _read_dat(place: Path, encoding: str) -> dict[str, Rows]:
    """Read MovieLens 1M, or 10M, which says nothing about users."""
    from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV

    files = archives.find(place, "movies.dat", "ratings.dat")
    films = (
        _film(item, title, genres.split("|"), _year(title))
        for item, title, genres in _lines(files["movies.dat"], "::", 3, 1, encoding)
    )
    rows = {CATALOGUE_CSV: films, SCORES_CSV: _scores(files["ratings.dat"], "::")}
    if "users.dat" in archives.files(place):
        lines = _lines(archives.find(place, "users.dat")["users.dat"], "::", 5, 1)
        rows[DETAILS_CSV] = (_user(user, gender) for user, gender, *_ in lines)
    return rows


def _read_latest(place: Path) -> dict[str, Rows]:
    """Read MovieLens 20M, 25M, 32M, Latest or Latest Small."""
    from pipeline.tables.raw import CATALOGUE_CSV, SCORES_CSV

    files = archives.find(place, "movies.csv", "ratings.csv")
    films = (
        _film(row["movieId"], row["title"], row["genres"].split("|"), _year(row["title"]))
        for row in _table(files["movies.csv"], "movieId", "title", "genres")
    )
    ratings = (
        dict(zip(SCORES, row.values(), strict=True))
        for row in _table(files["ratings.csv"], "userId", "movieId", "rating", "timestamp")
    )
    return {CATALOGUE_CSV: films, SCORES_CSV: ratings}


def _film(item: str, title: str, genres: list[str], date: str) -> dict[str, str]:
    day = re.fullmatch(r"(\d+)-(\w+)-(\d{4})", date)
    aired = f"{day[2]} {int(day[1])}, {day[3]}" if day else date  # as on Kaggle; or just the year
    return {
        "anime_id": item,
        "Name": title,
        "Genres": ", ".join(genre for genre in genres if genre not in NO_GENRES) or "UNKNOWN",
        "Type": "Movie",
        "Source": "UNKNOWN",
        "Studios": "UNKNOWN",
        "Episodes": "UNKNOWN",
        "Aired": aired or "UNKNOWN",
    }


def _year(title: str) -> str:
    year = re.search(r"\((\d{4})\)\s*$", title)
    return year[1] if year else ""


def _user(user: str, gender: str) -> dict[str, str]:
    gender = GENDERS.get(gender, "")
    return {"Mal ID": user, "Gender": gender, "Completed": "", "Plan to Watch": ""}


def _scores(file: Traversable, separator: str) -> Rows:
    return (dict(zip(SCORES, row, strict=True)) for row in _lines(file, separator, 4, 4))


def _table(file: Traversable, *columns: str) -> Iterator[dict[str, str]]:
    """Yield these columns of the rows of a CSV file.

    Raises:
        UserError: it is not CSV in UTF-8, lacks a column, or has no rows.
    """
    with archives.reading(file) as data:
        reader = csv.reader(io.TextIOWrapper(data, "utf-8-sig", newline=""), strict=True)
        try:
            names = next(reader, [])
            places = [names.index(column) for column in columns]
            for row in reader:
                yield {name: row[place] for name, place in zip(columns, places, strict=True)}
        except (ValueError, IndexError, csv.Error) as error:
            raise UserError(f"{file}, line {reader.line_num} is damaged: {error}.") from error
    if reader.line_num < 2:
        raise UserError(f"{file} is empty; download it again.")


def _lines(
    file: Traversable, separator: str, fields: int, numbers: int = 0, encoding: str = "latin-1"
) -> Iterator[list[str]]:
    """Yield the fields of each line.

    Raises:
        UserError: a line does not have ``fields`` fields, the first ``numbers`` of them numbers; or
            the file has no lines.
    """
    empty = True
    with archives.reading(file) as data:
        for number, line in enumerate(data, 1):
            row = line.decode(encoding, "replace").rstrip("\r\n").split(separator)
            if row == [""]:
                continue
            if len(row) != fields or not all(map(NUMBER.fullmatch, row[:numbers])):
                raise UserError(
                    f"{file}, line {number} is damaged: expected {fields} fields separated by "
                    f"{separator!r}, the first {numbers} of them numbers, but got {row}."
                )
            empty = False
            yield row
    if empty:
        raise UserError(f"{file} is empty; download it again.")
