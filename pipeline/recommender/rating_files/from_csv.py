"""Reads a list from CSV, with whatever separates its cells."""

import csv
import io
import re

from pipeline.errors import UserError
from pipeline.recommender.bounds import HEADER, LINES
from pipeline.recommender.rating_files.from_table import Table, columns_of, from_table
from pipeline.recommender.rating_files.raw import Rows

SEPARATORS = ",;\t|"
TOLD = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)  # a first line that Excel understands
BLANK = re.compile(r"\A(?:[ \t\r]*\n)*")  # lines above the header
BACKSLASH = re.compile(r'\\"(?!\s*(?:[,;\t|]|$))', re.MULTILINE)  # how some write "" in a cell


def from_csv(name: str, text: str) -> Rows:
    """Read the rows of a CSV file.

    Raises:
        UserError: it is not CSV, or as ``from_table`` does.
    """
    if max(map(text.count, "\n\r")) > LINES:
        raise UserError(f"{name} has more than {LINES:,} lines: too many for a list.")
    lines = BLANK.sub("", text)
    before = text[: len(text) - len(lines)].count("\n")
    first, _, rest = lines.partition("\n")
    if len(first) > HEADER:
        raise UserError(
            f"{name}: its first line has {len(first):,} characters; it must be a header."
        )
    if told := TOLD.fullmatch(first.strip("\r")):
        separators, lines, before = told[1], rest, before + 1
    else:
        separators = SEPARATORS
    if BACKSLASH.search(lines) and not any(_even(lines, sign) for sign in separators):
        lines = BACKSLASH.sub('""', lines)
    tables = [_table(name, lines, separator, before) for separator in separators]
    usable = [(headers, rows) for headers, rows in tables if columns_of(headers).usable()]
    if len(usable) > 1:
        raise UserError(f"{name}, line 1: cells may be separated by several signs; keep one.")
    return from_table(name, *(usable or [max(tables, key=lambda one: len(one[0]))])[0])


def _even(lines: str, separator: str) -> bool:
    """Whether a text is CSV as it stands, with as many cells, two or more, in each row."""
    try:
        rows = csv.reader(io.StringIO(lines, newline=""), delimiter=separator, strict=True)
        widths = {len(cells) for cells in rows if cells}
    except csv.Error:
        return False
    return len(widths) == 1 and widths != {1}


def _table(name: str, lines: str, separator: str, before: int) -> tuple[list[str], Table]:
    """Return the headers and the rows of CSV; no rows if the headers are not usable.

    Raises:
        UserError: it is not CSV.
    """
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        headers = [header.strip() for header in next(reader, [])]
    except csv.Error:  # with another separator it may be well
        return [], []
    if not columns_of(headers).usable():
        return headers, []
    try:
        rows, line = [], reader.line_num + 1
        for cells in reader:
            end = reader.line_num
            where = (
                f"line {before + line}"
                if end == line
                else f"lines {before + line} to {before + end}"
            )
            line = end + 1
            if any(cell.strip() for cell in cells):
                rows.append((where, cells))
    except csv.Error as error:
        where = f"{name}, line {before + reader.line_num + 1}"
        raise UserError(f"{where}: not valid CSV: {error}.") from error
    return headers, rows
