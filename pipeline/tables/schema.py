"""The three clean tables, column by column: where each comes from and what is done about its dirt.

The files hold text. A column says how its text is read; what it cannot read, or what no title or
user can have, becomes null and is counted as ``emptied`` in metrics/clean.json. Only ids and
ratings cannot be null: rows that lack them are rejected (see ``pipeline.clean``).

What stands in the files of dbdmobile/myanimelist-dataset:

- A missing value is an empty cell, ``UNKNOWN``, or ``Unknown`` (Source, Duration); so Score,
  Episodes, Rank and Scored By are text columns with numbers such as ``12.0``.
- A Rank of ``0.0`` is none. A Mean Score of 0 is of someone who rated nothing.
- Mean Scores up to 255 and Days Watched up to 105,338 are impossible: ratings end at 10, and
  MyAnimeList is younger than 7,000 days. Episodes up to 3,057 are real.
- Genres and Studios are lists joined by ``", "``.
- Usernames may be missing and titles are not unique, so tables are joined on ids alone. Ratings of
  titles outside the catalogue and of users without details are kept: attributes are null there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import ibis

Reader = Callable[[ibis.Value], ibis.Value]

MISSING = ["UNKNOWN", "Unknown", ""]  # how the files write a missing value, besides an empty cell


@dataclass(frozen=True)
class Column:
    """A column of a clean table.

    Attributes:
        name: what it is called there.
        header: what it is called in the file.
        read: from text to its type, null where the text says nothing.
        optional: whether a file may lack it; it is null then.
    """

    name: str
    header: str
    read: Reader
    optional: bool = False


def known(text: ibis.Value) -> ibis.Value:
    """Read text; the ways the files write a missing value are null."""
    text = text.re_replace(r"^\s+|\s+$", "")  # on Spark, Ibis's strip() takes "v" and "f" for space
    return text.isin(MISSING).ifelse(None, text)


def listed(text: ibis.Value) -> ibis.Value:
    """Read a list joined by commas; a missing one is empty."""
    return known(text).split(", ").fill_null(ibis.literal([], "array<string>"))


def whole(low: int | None = 0, high: int | None = None) -> Reader:
    """Read text such as '12' or '12.0' as int32; null if not a whole number in the range.

    What the engine takes for a number counts: '1e3' is 1000, and in DuckDB '1_000' too. To look
    for such characters in 24 million ratings would take a second.
    """

    def read(text: ibis.Value) -> ibis.Value:
        value = text.try_cast("float64")
        number = value.try_cast("int32")  # rounded or cut off, which the comparison tells
        good = number == value
        good = good if low is None else good & (number >= low)
        good = good if high is None else good & (number <= high)
        return good.ifelse(number, None)

    return read


def real(low: float, high: float = float(2**31)) -> Reader:
    """Read text as float64; null if not a number in the range."""

    def read(text: ibis.Value) -> ibis.Value:
        value = text.try_cast("float64")
        return value.between(low, high).ifelse(value, None)

    return read


def year(text: ibis.Value) -> ibis.Value:
    """Read the first year of text such as 'Apr 3, 1998 to Apr 24, 1999' as int32."""
    return whole(1900, 2100)(text.re_extract(r"\b(\d{4})\b", 1))


def minutes(text: ibis.Value) -> ibis.Value:
    """Read '1 hr 35 min' or '24 min per ep' as float64, in minutes; null if over a day."""

    def amount(unit: str) -> ibis.Value:
        return text.re_extract(rf"(\d+) {unit}", 1).try_cast("float64").fill_null(0)

    length = amount("hr") * 60 + amount("min") + amount("sec") / 60
    return ((length > 0) & (length <= 24 * 60)).ifelse(length, None)


IDS = [Column("user_id", "user_id", whole()), Column("item_id", "anime_id", whole())]
RATINGS = [
    *IDS,
    Column("rating", "rating", whole(low=None)),  # the scale is checked by clean
    Column("timestamp", "timestamp", whole(), optional=True),  # seconds since 1970
]
ITEMS = [
    Column("item_id", "anime_id", whole()),
    Column("title", "Name", known),
    Column("english", "English name", known, optional=True),
    Column("genres", "Genres", listed),
    Column("type", "Type", known),
    Column("source", "Source", known),
    Column("studios", "Studios", listed),
    Column("episodes", "Episodes", whole(low=1)),
    Column("year", "Aired", year, optional=True),
    Column("minutes", "Duration", minutes, optional=True),  # of an episode
    Column("age_rating", "Rating", known, optional=True),
    # What the site has published over all its ratings: for comparison, never for training.
    Column("published_score", "Score", real(1, 10), optional=True),
    Column("published_rank", "Rank", whole(low=1), optional=True),
    Column("published_ratings", "Scored By", whole(), optional=True),
    Column("members", "Members", whole(), optional=True),
]
USERS = [
    Column("user_id", "Mal ID", whole()),
    Column("name", "Username", known, optional=True),
    Column("completed", "Completed", whole()),
    Column("plan_to_watch", "Plan to Watch", whole()),
    Column("gender", "Gender", known, optional=True),
    Column("days_watched", "Days Watched", real(0, 7_000), optional=True),
    Column("published_mean", "Mean Score", real(1, 10), optional=True),  # of ratings, test included
]
