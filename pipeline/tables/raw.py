"""The raw CSV files that every source writes: names and columns."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from pipeline.errors import UserError
from pipeline.tables.schema import ITEMS, RATINGS, USERS, Column

SCORES_CSV = "users-score-2023.csv"
DETAILS_CSV = "users-details-2023.csv"
CATALOGUE_CSV = "anime-dataset-2023.csv"
TEST_CSV = "test-scores.csv"

COLUMNS = {SCORES_CSV: RATINGS, TEST_CSV: RATINGS, DETAILS_CSV: USERS, CATALOGUE_CSV: ITEMS}

MAX_LINE = 1 << 16  # characters of a header line; a file that is not CSV may have no line breaks


def header(path: Path, columns: list[Column]) -> list[str]:
    """Read the column names of a CSV file.

    Raises:
        UserError: the file cannot be read as CSV, or lacks or repeats one of ``columns``.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(_lines(file), strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path.name}: its first lines cannot be read as CSV in UTF-8: {error}."
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    for column in columns:
        count = names.count(column.header)
        if count > 1:
            raise UserError(f"{path.name}: column {column.header!r} appears {count} times.")
        if count == 0 and not column.optional:
            raise UserError(f"{path.name}: no column {column.header!r}; it has {str(names)[:300]}.")
    return names


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise csv.Error(f"a line is longer than {MAX_LINE} characters")
        yield line
