"""The raw CSV files that every source writes: names, columns, and how a file has them."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.tables.dialect import MAX_HEADER, Dialect, records, sniff
from pipeline.tables.headers import are_numbers, beside, match
from pipeline.tables.schema import ITEMS, RATINGS, USERS, Column

SCORES_CSV = "users-score-2023.csv"
DETAILS_CSV = "users-details-2023.csv"
CATALOGUE_CSV = "anime-dataset-2023.csv"
TEST_CSV = "test-scores.csv"

COLUMNS = {SCORES_CSV: RATINGS, TEST_CSV: RATINGS, DETAILS_CSV: USERS, CATALOGUE_CSV: ITEMS}

SAMPLE = 1000  # rows that tell a published score from an age rating


@dataclass(frozen=True)
class Layout:
    """How a file has the columns of a table.

    Attributes:
        dialect: how the file is written.
        names: the headers of its columns, in its order.
        places: the place of each column in ``names`` by its clean name; without those it lacks.
        assumed: what is not as in Kaggle's files, in a few words each.
    """

    dialect: Dialect
    names: list[str]
    places: dict[str, int]
    assumed: list[str]


def layout(path: Path, columns: list[Column], encoding: str | None = None) -> Layout:
    """Find out how a CSV file is written and where it has the columns of a table.

    Args:
        path: the file.
        columns: the columns of the table.
        encoding: what the user says it is; None to find out.

    Raises:
        UserError: the file cannot be read as CSV, lacks a column, or can be read in two ways.
    """
    dialect = sniff(path, encoding)
    names = next(records(path, dialect, MAX_HEADER), [])
    places = match(path.name, names, columns)
    _tell_scores_from_ages(path, dialect, places)
    assumed = dialect.words()
    for column in columns:
        if column.name in places and names[places[column.name]] != column.header:
            assumed.append(f"{names[places[column.name]]!r} is {column.header!r}")
    assumed += beside(names, columns, places)
    lacking = [column.header for column in columns if column.told and column.name not in places]
    if lacking:
        assumed.append(f"no {', '.join(lacking)}")
    return Layout(dialect, names, places, assumed)


def _tell_scores_from_ages(path: Path, dialect: Dialect, places: dict[str, int]) -> None:
    """Take ``Rating`` for the published score where there is no other and it has numbers.

    In the catalogue of 2023 it says from what age a title is suitable, in that of 2016 how users
    rated it.
    """
    if "age_rating" not in places or "published_score" in places:
        return
    place = places["age_rating"]
    rows = islice(records(path, dialect), 1, SAMPLE)
    if are_numbers([row[place] for row in rows if place < len(row)]):
        places["published_score"] = places.pop("age_rating")
