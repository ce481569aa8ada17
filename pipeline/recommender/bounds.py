"""How much one request, or one list, may ask for: generous for people, and never hours of work.

The times in comments are those of one core with the 60 draws of a model of 25,000 titles.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import NamedTuple

from pipeline.errors import UserError

PAIRS = 100_000  # predictions in one request: 4 s
LISTS = 500  # lists in one request: 10 s
TITLES = 20_000  # on all lists of one request together: 6 s
VARIED = 1000  # titles of a list with diversity, each compared with all chosen before: 4 s
NEWCOMERS = 100  # different lists brought in one request: 10 s
ENTRIES = 30_000  # titles on a list that somebody brings, more than a catalogue has: 9 s
REASONS = 20_000_000  # titles to list times titles on the own list: 10 s
SEARCHES = 5000  # names that no title has exactly, which are searched by likeness: 5 s
WORDS = 1000  # genres, types or ignored titles
BODY = 32 * 2**20  # bytes of a request: 100,000 pairs are 4 MB
VALUES = 2_000_000  # in a Parquet file
LINES = 50_000  # of a CSV with a list
HEADER = 20_000  # characters of its first line
SIGNS = 2_000_000  # of each of < & { [ in a list: exports have up to 50 for each title
ATTRIBUTES = 100_000  # of XML, which exports do not have
KEYS = 1000  # different ones of the objects of a list in JSON
NAME = 1000  # characters of a name: no title has so many

LARGE_SECONDS = 1.0  # of work from which a request is large
LARGE_AT_ONCE = 2  # the others leave the server's threads to small requests
SHARE = 0.8  # of the time after which the server gives up; the rest is for reading and writing

_large = BoundedSemaphore(LARGE_AT_ONCE)


class BusyError(UserError):
    """So many large requests are being answered that this one must wait."""


class LateError(UserError):
    """A request takes so long that its client has given up, or soon will."""


class Work:
    """The work of one request or one list: checked between its rows and its titles.

    Args:
        seconds: after so many it is given up.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds, self._end = seconds, time.monotonic() + seconds
        self._searches = 0

    def go_on(self) -> None:
        """Check the time.

        Raises:
            LateError: it is over.
        """
        if time.monotonic() > self._end:
            raise LateError(
                f"given up after {self.seconds:g} seconds, before the server's limit "
                "(MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT); ask for less at a time."
            )

    def count_search(self) -> None:
        """Count a name that was searched by likeness.

        Raises:
            UserError: there are too many of them.
        """
        self._searches += 1
        if self._searches > SEARCHES:
            raise UserError(
                f"more than {SEARCHES:,} names are not written as in the catalogue; give the "
                "anime_id of these titles."
            )


class Size(NamedTuple):
    """What a request asks for.

    Attributes:
        pairs: number of predictions.
        lists: number of lists.
        titles: titles of each list.
        varied: whether they shall differ from each other.
        brought: number of titles on each list that is brought, of each newcomer.
    """

    pairs: int = 0
    lists: int = 0
    titles: int = 0
    varied: bool = False
    brought: tuple[int, ...] = ()

    def check(self) -> None:
        """Check that it is not too much.

        Raises:
            UserError: it is; the message names the limit.
        """
        longest, all_titles = max(self.brought, default=0), self.lists * self.titles
        for what, asked, most in (
            ("predictions", self.pairs, PAIRS),
            ("lists", self.lists, LISTS),
            ("titles on all lists together (rows times k)", all_titles, TITLES),
            ("titles on a list with diversity", self.titles * self.varied, VARIED),
            ("different lists of ratings", len(self.brought), NEWCOMERS),
            ("titles times ratings (k times the titles of a list)",
             self.titles * longest, REASONS),
        ):  # fmt: skip
            if asked > most:
                raise UserError(
                    f"{asked:,} {what}: at most {most:,} are allowed in a request; ask several "
                    "times."
                )
        for count in self.brought:
            check_entries(count)

    def seconds(self) -> float:
        """Return about how long it takes."""
        entries = sum(self.brought)
        compared = 4e-6 * self.titles**2 if self.varied else 0.0
        listed = self.lists * (0.02 + 3e-4 * self.titles + compared)
        reasons = 2e-7 * self.titles * entries
        return 4e-5 * self.pairs + listed + 0.1 * len(self.brought) + 3e-4 * entries + reasons


def check_entries(count: int) -> None:
    """Check the length of a list that somebody brings.

    Raises:
        UserError: it is too long.
    """
    if count > ENTRIES:
        raise UserError(f"a list of {count:,} titles: at most {ENTRIES:,} are read.")


@contextmanager
def turn(size: Size) -> Iterator[None]:
    """Answer at most LARGE_AT_ONCE large requests at a time, and any number of small ones.

    Raises:
        BusyError: so many are being answered. They are not queued: clients that have gone would
            keep their places.
    """
    if size.seconds() < LARGE_SECONDS:
        yield
        return
    if not _large.acquire(blocking=False):
        raise BusyError(
            f"{LARGE_AT_ONCE} large requests are being answered; ask again in a few seconds, or "
            "for less at a time."
        )
    try:
        yield
    finally:
        _large.release()
