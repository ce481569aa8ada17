"""Ratings from one file of the user's: CSV in any dialect or Parquet, with any names of columns.

Tables of titles and of users may stand beside it.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.paths import from_home
from pipeline.settings.sections import Files
from pipeline.tables import dialect

OTHERS = {  # headers for the columns, besides those of pipeline/tables/schema.py
    "user": ("user_name", "username", "customer_id", "reviewer_id", "member_id", "profile", "uid"),
    "item": ("title_id", "product_id", "book_id", "isbn", "game_id", "song_id", "track_id", "iid"),
    "rating": ("stars", "overall", "rate", "value", "grade", "book_rating"),
    "timestamp": ("date", "datetime", "unix_review_time", "ts"),
}


WHOLE = re.compile(r"^\+?0*(\d+)(?:\.0*)?$")  # how programs write a whole number


@dataclass
class Columns:
    """The header of each column; or its place from 0, for a file without headers; null to find."""

    user: str | int | None
    item: str | int | None
    rating: str | int | None
    timestamp: str | int | None


@dataclass
class Settings(Files):
    """Settings of one file of ratings.

    Attributes:
        columns: which columns of the file are which.
        items: a file of titles; null for none.
        users: a file of users; null for none.
        test_scores: a file of ratings, like the first, that is the test set; null for none.
        encoding: the encoding of the files that are CSV; null to find it out.
    """

    columns: Columns
    items: str | None
    users: str | None
    test_scores: str | None
    encoding: str | None


def write(settings: Settings, folder: Path) -> dict[str, Any]:
    """Write the ratings with the columns of Kaggle's files, and the other tables as they are.

    Without a file of titles the catalogue has the ids that occur, each as its own name.

    Returns:
        ``read_as``: by file, which of its columns was taken for what; ``assumed``: how files are
        written, if not as plain CSV.

    Raises:
        UserError: a file is missing or cannot be read, or a column cannot be told.
    """
    from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV

    if settings.path is None:
        raise UserError("dataset.path is not set; set it to the file of ratings.")
    items: dict[str, None] = {}
    read_as, assumed = {}, list[str]()
    for key, name, given in (
        ("dataset.path", SCORES_CSV, settings.path),
        ("dataset.test_scores", TEST_CSV, settings.test_scores),
    ):
        if given is not None:
            path = _file(given, key)
            names, places, rows = _ratings(path, settings, assumed)
            read_as[path.name] = {column: str(names[place]) for column, place in places.items()}
            header = ["user_id", "anime_id", "rating", "timestamp"][: len(places)]
            _write_csv(folder / name, header, _noted(rows, items))
    for key, name, given in (
        ("dataset.items", CATALOGUE_CSV, settings.items),
        ("dataset.users", DETAILS_CSV, settings.users),
    ):
        if given is not None:
            _table(_file(given, key), folder / name, settings.encoding, assumed)
    if settings.items is None:
        _write_csv(folder / CATALOGUE_CSV, ["anime_id", "Name"], ([item, item] for item in items))
    for name, columns in read_as.items():
        print(f"{name}: " + ", ".join(f"{column} is {place}" for column, place in columns.items()))
    for line in assumed:
        print(f"assumed: {line}")
    return {"read_as": read_as} | ({"assumed": assumed} if assumed else {})


def _file(given: str, key: str) -> Path:
    if not given.strip():
        raise UserError(f"{key} is empty; set it to a file.")
    path = from_home(given)
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "no such file"
        raise UserError(f"{path.parent.resolve() / path.name}: {what}; check {key}.")
    return path


def _ratings(
    path: Path, settings: Settings, assumed: list[str]
) -> tuple[list[Any], dict[str, int], Iterator[list[str]]]:
    """Return the headers of a file, the place of each column, and user, item, rating, … of rows."""
    given = {name: value for name, value in vars(settings.columns).items() if value is not None}
    numbered = {name: value for name, value in given.items() if str(value).isdecimal()}
    records = _records(path, settings.encoding, assumed)
    first = next(records, [])
    if numbered:
        if missing := [name for name in ("user", "item", "rating") if name not in numbered]:
            raise UserError(
                f"dataset.columns.{missing[0]}: where columns have numbers, the file has no "
                "headers, so that user, item and rating each need a number, from 0."
            )
        names: list[Any] = list(range(len(first)))
        places = {name: int(value) for name, value in numbered.items()}
        _check_numbers(path, first, places)
        records = chain([first], records)
    else:
        names, places = first, _named(path, first, given)
    order = [name for name in vars(settings.columns) if name in places]

    def rows() -> Iterator[list[str]]:
        for number, record in enumerate(records, 1):
            if len(record) != len(first):
                raise UserError(
                    f"{path.name}, row {number}: {len(record)} cells for {len(first)} columns. "
                    "Fix the file."
                )
            yield [record[places[name]] for name in order]

    return names, {name: places[name] for name in order}, rows()


def _check_numbers(path: Path, first: list[str], places: dict[str, int]) -> None:
    """Refuse places beyond the file, and a file that has headers after all."""
    from pipeline.tables.headers import are_numbers

    for name, place in places.items():
        if place >= len(first):
            raise UserError(
                f"dataset.columns.{name}: {path.name} has the columns 0 to {len(first) - 1}, "
                f"no {place}."
            )
    if not are_numbers([first[places["rating"]].lstrip("+-")]):
        raise UserError(
            f"dataset.columns.rating: {path.name} has {first[places['rating']]!r} in the column "
            f"{places['rating']} of its first line, which is no rating. If that is its header, "
            "give the names of columns instead of numbers."
        )


def _named(path: Path, names: list[str], given: dict[str, Any]) -> dict[str, int]:
    """Find the columns by the headers that the user gave, and the others by usual headers."""
    from pipeline.tables.headers import beside, match, normal
    from pipeline.tables.schema import RATINGS

    wanted = []
    for key, column in zip(vars(Columns(None, None, None, None)), RATINGS, strict=True):
        header, others = given.get(key, column.header), (*column.others, *OTHERS[key])
        if key in given and normal(str(header)) not in map(normal, names):
            raise UserError(
                f"dataset.columns.{key}: {path.name} has no column {header!r}; it has "
                f"{str(names)[:300]}."
            )
        others = () if key in given else others
        wanted.append(replace(column, name=key, header=str(header), others=others))
    try:
        places = match(path.name, names, wanted)
    except UserError as error:
        key = next((one.name for one in wanted if repr(one.header) in str(error)), "user")
        raise UserError(
            f"{error} Say which column is meant: dataset.columns.{key}=NAME; a file without "
            f"headers has numbers: dataset.columns.{key}=0."
        ) from error
    for line in beside(names, wanted, places):
        print(f"{path.name}: {line}")
    return places


def _records(path: Path, encoding: str | None, assumed: list[str]) -> Iterator[list[str]]:
    """Return the headers and the rows of a CSV or Parquet file as text.

    How it is written, if not as plain CSV, is added to ``assumed``.
    """
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return _parquet(path)
    found = dialect.sniff(path, encoding)
    if words := found.words():
        assumed.append(f"{path.name}: {'; '.join(words)}")
    return dialect.records(path, found)


def _parquet(path: Path) -> Iterator[list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        yield list(file.schema_arrow.names)
        for batch in file.iter_batches():
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield ["" if cell is None else str(cell) for cell in row]
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path.name}: cannot be read as Parquet: {error}.") from error


def _noted(rows: Iterable[list[str]], items: dict[str, None]) -> Iterator[list[str]]:
    """Yield the rows, and add their titles to ``items``; 5, 5.0 and 05 are one title."""
    for row in rows:
        items[WHOLE.sub(r"\1", row[1].strip())] = None
        yield row


def _table(path: Path, target: Path, encoding: str | None, assumed: list[str]) -> None:
    """Copy a table of titles or users as plain CSV, if it has the columns that it needs."""
    from pipeline.tables.headers import match
    from pipeline.tables.raw import COLUMNS

    rows = _records(path, encoding, assumed)
    names = next(rows, [])
    match(path.name, names, COLUMNS[target.name])
    _write_csv(target, names, rows)


def _write_csv(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)
