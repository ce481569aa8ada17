"""The columns of the three clean tables: where each comes from and how its text is read.

A cell that cannot be read, or whose value is impossible, becomes null and is counted as ``emptied``
in metrics/clean.json. Only ids and ratings cannot be null: rows without them are rejected (see
``pipeline.clean``).

The dirt in the files of dbdmobile/myanimelist-dataset:

- A missing value is an empty cell, ``UNKNOWN``, or ``Unknown`` (Source, Duration); so Score,
  Episodes, Rank and Scored By are text columns with numbers such as ``12.0``.
- A Rank of ``0.0`` is none, and users who rated nothing have a Mean Score of 0: both become null.
- Mean Scores up to 255 and Days Watched up to 105,338 are impossible: ratings end at 10, and
  MyAnimeList is younger than 7,000 days. Episodes up to 3,057 are real.
- Genres and Studios are lists joined by ``", "``; for others see pipeline/tables/notations.py.
- Usernames may be missing and titles are not unique, so tables are joined on ids alone. Ratings of
  titles outside the catalogue and of users without details are kept, with null attributes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import ibis

Reader = Callable[[ibis.Value], ibis.Value]

NAMELESS = ["UNKNOWN", "Unknown", ""]  # spellings of a missing name, besides an empty cell
MISSING = [  # of any other missing value: a title may be called None, but no genre is
    *NAMELESS, "unknown", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "\\N", "None", "none", "NULL",
    "null", "-", "?", "(no genres listed)",
]  # fmt: skip
DATE = r"(\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?)"
ZONE = r"(?:Z|([+-])(\d{2}):(\d{2}))?"
ENTITIES = {"&#039;": "'", "&#39;": "'", "&quot;": '"', "&lt;": "<", "&gt;": ">", "&amp;": "&"}


@dataclass(frozen=True)
class Column:
    """A column of a clean table.

    Attributes:
        name: its name in the table.
        header: its name in the file.
        read: converts text to its type; null where the text is not a valid value.
        optional: a file may lack it; then it is null.
        others: other headers that files have for it; see pipeline/tables/headers.py.
        told: whether people are told that a file lacks it.
    """

    name: str
    header: str
    read: Reader
    optional: bool = False
    others: tuple[str, ...] = ()
    told: bool = False


def name(cell: ibis.Value) -> ibis.Value:
    """Read a name as ``text`` does, but there may be somebody called None."""
    return _known(cell, NAMELESS)


def title(cell: ibis.Value) -> ibis.Value:
    """Read the name of a title as ``name`` does; of the files of 2016 some have it in HTML."""
    plain = name(cell)
    for written, character in ENTITIES.items():
        plain = plain.replace(written, character)
    return plain


def text(cell: ibis.Value) -> ibis.Value:
    """Read text without surrounding white space; null if it is a spelling of a missing value."""
    return _known(cell, MISSING)


def _known(cell: ibis.Value, missing: list[str]) -> ibis.Value:
    # On Spark, Ibis's strip() also strips "v" and "f"; in DuckDB \s has no vertical tab.
    stripped = cell.re_replace(r"^[\s\x0b]+|[\s\x0b]+$", "")
    return among(stripped, missing).ifelse(None, stripped)


def among(cell: ibis.Value, texts: list[str]) -> ibis.Value:
    """Whether a text is one of some; DuckDB would do ``isin`` of many by a join, which is slow."""
    return ibis.literal(texts, "array<string>").contains(cell)


def listed(cell: ibis.Value) -> ibis.Value:
    """Read a list joined by a comma and a space; a missing one is empty."""
    return text(cell).split(", ").fill_null(ibis.literal([], "array<string>"))


def whole(low: int | None = 0, high: int | None = None) -> Reader:
    """Return a reader of text such as '12' or '12.0' as int32; null unless whole and in range.

    The engine decides what a number is: '1e3' is 1000, and in DuckDB '1_000' too. Excluding such
    spellings would take a second for 24 million ratings.
    """

    def read(cell: ibis.Value) -> ibis.Value:
        value = cell.try_cast("float64")
        number = value.try_cast("int32")  # engines round or truncate a fraction: compare with value
        valid = number == value
        valid = valid if low is None else valid & (number >= low)
        valid = valid if high is None else valid & (number <= high)
        return valid.ifelse(number, None)

    return read


def real(low: float, high: float = float(2**31)) -> Reader:
    """Return a reader of text as float64; null if it is not a number in the range."""

    def read(cell: ibis.Value) -> ibis.Value:
        value = cell.try_cast("float64")
        return value.between(low, high).ifelse(value, None)

    return read


def rating(cell: ibis.Value) -> ibis.Value:
    """Read a number such as '8', '8.9' or '8,9' as float32; null if it is none, or infinite."""
    point = cell.re_replace(r"^\s*([+-]?\d*),(\d\d?)\s*$", r"\1.\2")  # "1,000" may be 1000
    # Only cells that are no number as they stand get to the pattern: it takes time.
    value = ibis.coalesce(cell.try_cast("float32"), point.try_cast("float32"))
    return value.between(-1e9, 1e9).ifelse(value, None)


def year(cell: ibis.Value) -> ibis.Value:
    """Read the first year in text such as 'Apr 3, 1998 to Apr 24, 1999' as int32."""
    return whole(1900, 2100)(cell.re_extract(r"\b(\d{4})\b", 1))


def minutes(cell: ibis.Value) -> ibis.Value:
    """Read '1 hr 35 min' or '24 min per ep' as minutes (float64); null if 0 or over a day."""

    def amount(unit: str) -> ibis.Value:
        return cell.re_extract(rf"(\d+) {unit}", 1).try_cast("float64").fill_null(0)

    length = amount("hr") * 60 + amount("min") + amount("sec") / 60
    return ((length > 0) & (length <= 24 * 60)).ifelse(length, None)


def moment(cell: ibis.Value) -> ibis.Value:
    """Read a time as whole seconds since 1970 (int32): a number or a date as ISO 8601 writes it.

    A number that would be far in the future is of milliseconds, microseconds or nanoseconds.
    """
    number = cell.try_cast("float64")
    seconds = ibis.cases(
        (number > 1e17, number / 1e9), (number > 1e14, number / 1e6), (number > 1e11, number / 1e3),
        else_=number,
    )  # fmt: skip
    written = rf"^\s*{DATE}{ZONE}\s*$"
    east, hours, minutes = (cell.re_extract(written, group) for group in (2, 3, 4))
    ahead = hours.try_cast("float64") * 3600 + minutes.try_cast("float64") * 60
    ahead = (east == "-").ifelse(-ahead, ahead).fill_null(0)
    date = cell.re_extract(written, 1).nullif("").try_cast("timestamp").epoch_seconds() - ahead
    time = ibis.coalesce(seconds, date)
    return whole()(time.between(0, 2.0**31).ifelse(time, None).floor())  # NaN has no floor


IDS = [
    Column("user_id", "user_id", whole(), others=("user",)),
    Column("item_id", "anime_id", whole(), others=("mal_id", "item_id", "item", "movie_id")),
]
RATINGS = [
    *IDS,
    Column("rating", "rating", rating, others=("score", "my_score")),  # clean checks the scale
    Column("timestamp", "timestamp", moment, optional=True, others=("time",)),
]
ITEMS = [
    Column("item_id", "anime_id", whole(), others=("mal_id", "item_id", "item", "movie_id", "id")),
    Column("title", "Name", title, others=("title", "anime_title")),
    Column("english", "English name", text, True, others=("english_title", "title_english")),
    Column("genres", "Genres", listed, True, others=("genre", "genders"), told=True),
    Column("type", "Type", text, True, others=("media_type",), told=True),
    Column("source", "Source", text, True, told=True),
    Column("studios", "Studios", listed, True, others=("studio",), told=True),
    Column("episodes", "Episodes", whole(low=1), True, others=("num_episodes",), told=True),
    Column("year", "Aired", year, True, others=("year", "release_year")),
    Column("minutes", "Duration", minutes, True),  # per episode
    Column("age_rating", "Rating", text, True),
    # Statistics that the site published over all ratings: for comparison, never for training.
    Column("published_score", "Score", real(1, 10), True, others=("mean_score", "average_rating")),
    Column("published_rank", "Rank", whole(low=1), True, others=("ranked",)),
    Column("published_ratings", "Scored By", whole(), True),
    Column("members", "Members", whole(), True),
]
USERS = [
    Column("user_id", "Mal ID", whole(), others=("user_id", "user", "id")),
    Column("name", "Username", name, True, others=("name",)),
    Column("completed", "Completed", whole(), True, told=True),
    Column("plan_to_watch", "Plan to Watch", whole(), True, told=True),
    Column("gender", "Gender", text, True),
    Column("days_watched", "Days Watched", real(0, 7_000), True),
    Column("published_mean", "Mean Score", real(1, 10), True),  # includes test ratings
]
