"""Ratings of films from MovieLens 100K or 1M, downloaded or placed by hand.

Columns of Kaggle's layout that MovieLens lacks (studios, episodes, …) are ``UNKNOWN``. Titles keep
the year at their end, which distinguishes films of the same name.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.paths import from_home
from pipeline.settings.sections import Files
from pipeline.sources import archives

SPLITS = ("u1", "u2", "u3", "u4", "u5", "ua", "ub")
GENDERS = {"M": "Male", "F": "Female"}

Rows = Iterable[dict[str, str]]


@dataclass
class Settings(Files):
    """Settings of a MovieLens archive; ``split`` names one of its test sets, null for none."""

    url: str
    digest: str
    split: str | None


def write(settings: Settings, folder: Path) -> dict[str, Any]:
    """Write ratings, users and films to ``folder`` in Kaggle's layout, and the split's test set.

    Raises:
        UserError: the archive is missing, cannot be downloaded or has another digest, one of its
            files is missing or damaged, or it does not have the split.
    """
    place = _download(settings) if settings.path is None else from_home(settings.path)
    if place.is_file():
        archives.check(place, settings.digest, _by_hand(settings))
    read = _read_1m if "movies.dat" in archives.files(place) else _read_100k
    for name, rows in read(place, settings.split).items():
        _write_csv(folder / name, rows)
    return {}


def _download(settings: Settings) -> Path:
    import pooch

    name = settings.url.rpartition("/")[2]
    cache = pooch.os_cache("anime-ratings")

    def fetch() -> Path:
        url, digest = settings.url, settings.digest
        return Path(pooch.retrieve(url, digest, fname=name, path=cache, progressbar=True))

    return archives.download(name, fetch, _by_hand(settings))


def _by_hand(settings: Settings) -> str:
    return (
        f"To place it by hand: get {settings.url} in a browser, keep the zip archive or unpack it, "
        "and add -S dataset.path=FOLDER_OR_ZIP to `dvc exp run`."
    )


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


def _read_1m(place: Path, split: str | None) -> dict[str, Rows]:
    from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV

    if split is not None:
        raise UserError(f"dataset.split: MovieLens 1M has no split {split!r}; it must be null.")
    files = archives.find(place, "movies.dat", "users.dat", "ratings.dat")
    films = (
        _film(item, title, genres.split("|"), _year(title))
        for item, title, genres in _lines(files["movies.dat"], "::", 3, 1)
    )
    users = (_user(user, gender) for user, gender, *_ in _lines(files["users.dat"], "::", 5, 1))
    return {
        CATALOGUE_CSV: films,
        DETAILS_CSV: users,
        SCORES_CSV: _scores(files["ratings.dat"], "::"),
    }


def _film(item: str, title: str, genres: list[str], date: str) -> dict[str, str]:
    day = re.fullmatch(r"(\d+)-(\w+)-(\d{4})", date)
    aired = f"{day[2]} {int(day[1])}, {day[3]}" if day else date  # as on Kaggle; or just the year
    return {
        "anime_id": item,
        "Name": title,
        "Genres": ", ".join(genre for genre in genres if genre != "unknown") or "UNKNOWN",
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
    names = ("user_id", "anime_id", "rating", "timestamp")
    return (dict(zip(names, row, strict=True)) for row in _lines(file, separator, 4, 4))


def _lines(file: Traversable, separator: str, fields: int, numbers: int = 0) -> Iterator[list[str]]:
    """Yield the fields of each line.

    Raises:
        UserError: a line does not have ``fields`` fields, the first ``numbers`` of them whole
            numbers; or the file has no lines.
    """
    empty = True
    with archives.reading(file) as data:
        for number, line in enumerate(data, 1):
            row = line.decode("latin-1").rstrip("\r\n").split(separator)
            if row == [""]:
                continue
            if len(row) != fields or not all(field.isdecimal() for field in row[:numbers]):
                raise UserError(
                    f"{file}, line {number} is damaged: expected {fields} fields separated by "
                    f"{separator!r}, the first {numbers} of them whole numbers, but got {row}."
                )
            empty = False
            yield row
    if empty:
        raise UserError(f"{file} is empty; download it again.")


def _write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = iter(rows)
        first = next(rows)
        out = csv.DictWriter(file, first, lineterminator="\n")
        out.writeheader()
        out.writerow(first)
        out.writerows(rows)
