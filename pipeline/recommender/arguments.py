"""The options of ``python -m pipeline.recommend``."""

import argparse
import math
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.paths import MODEL, ROOT
from pipeline.recommender.filters import PLANNED, Filters
from pipeline.recommender.lists import ORDERS, Order, check_request

FILE = (
    "MyAnimeList's XML export, a CSV file with the columns anime_id or title, and rating or "
    "status, or JSON of MyAnimeList, AniList, Shikimori or Kitsu; gzipped or in a ZIP too"
)
PARQUET = ("", ".parquet", ".pq")  # endings of what --all writes
ORDER_HELP = (
    "best: chance to watch times what the rating is worth; rating: highest prediction, whether you "
    "would come across it or not; sure: highest lower end of the 80 %% interval"
)


def arguments(description: str | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.recommend", description=description)
    _people(parser)
    _titles(parser.add_argument_group("which titles"))
    _lists(parser.add_argument_group("which list"))
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="with --all: Parquet file to write"
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=ROOT / MODEL,
        help="folder of the model (default: %(default)s)",
    )
    return parser.parse_args()


def _people(parser: argparse.ArgumentParser) -> None:
    """Add who the list is for, and what of their own lists counts."""
    group = parser.add_argument_group("for whom")
    whom = group.add_mutually_exclusive_group(required=True)
    whom.add_argument("--user", metavar="NAME_OR_ID", help="recommend to this user of the data")
    whom.add_argument(
        "--ratings",
        type=Path,
        metavar="FILE",
        help=f"recommend to a new user with this list: {FILE}",
    )
    whom.add_argument(
        "--all", action="store_true", help="recommend to every user with ratings, into --out"
    )
    whom.add_argument("--like", metavar="TITLE_OR_ID", help="list titles similar to this one")
    second = group.add_mutually_exclusive_group()
    second.add_argument(
        "--with-user",
        metavar="NAME_OR_ID",
        help="and to this user of the data: the list that leaves the less happy of both best off",
    )
    second.add_argument(
        "--with-ratings", type=Path, metavar="FILE", help="and to a new user with this list"
    )
    group.add_argument(
        "--scale",
        type=_scale,
        metavar="LOW,HIGH",
        help="lowest and highest rating of the lists in files, such as 1,100, where ratings could "
        "be of two scales",
    )
    group.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="TITLE",
        help="take a title of the lists out of account, as if it said nothing; it is not listed "
        "either; repeat for several",
    )
    group.add_argument(
        "--ignore-below",
        type=float,
        metavar="RATING",
        help="take titles with lower ratings out of account",
    )


def _scale(text: str) -> tuple[float, float]:
    """Read the scale of a list."""
    try:
        low, high = (float(end) for end in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW,HIGH, such as 1,100") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high and high > 0):
        raise argparse.ArgumentTypeError(f"{text}: LOW must be below HIGH, and HIGH above 0")
    return low, high


def _titles(group: Any) -> None:
    """Add which titles may be listed."""
    for name, text in (
        ("--genre", "only titles of this genre; repeat to require several"),
        ("--no-genre", "no titles of this genre; repeat to exclude several"),
        ("--type", "only titles of this type, such as TV; repeat to allow several"),
    ):
        group.add_argument(name, action="append", default=[], help=text)
    group.add_argument("--from-year", type=int, metavar="YEAR", help="began in this year or later")
    group.add_argument("--to-year", type=int, metavar="YEAR", help="began in this year or earlier")
    group.add_argument(
        "--min-raters", type=int, default=0, metavar="N", help="rated by at least N users"
    )
    group.add_argument(
        "--no-sequels", action="store_true", help="no sequels of titles that the user has not seen"
    )
    group.add_argument(
        "--one-per-franchise",
        action="store_true",
        help="of each series only the first title that is not seen",
    )
    group.add_argument(
        "--next", action="store_true", help="only what comes next in series that the user has begun"
    )
    group.add_argument(
        "--dropped-sequels",
        action="store_true",
        help="also sequels of titles that the user has dropped",
    )
    group.add_argument(
        "--planned",
        choices=PLANNED,
        default="hide",
        help="titles that the user plans to watch: hide them (default), list only them, or list "
        "them too and mark them",
    )


def _lists(group: Any) -> None:
    """Add how long the list is, and how it is ordered."""
    group.add_argument("-k", type=int, default=20, help="how many titles (default: %(default)s)")
    group.add_argument(
        "--order", choices=ORDERS, default="best", help=f"{ORDER_HELP} (default: %(default)s)"
    )
    group.add_argument(
        "--niche",
        type=float,
        default=0.0,
        help="from -1 (titles that many people know) to 1 (titles that few know)",
    )
    group.add_argument(
        "--diversity",
        type=float,
        default=0.0,
        help="from 0 (the best titles) to 1 (titles as different as possible)",
    )


def checked(options: argparse.Namespace) -> tuple[Filters, Order]:
    """Return which titles may be listed, and how they are ordered.

    Raises:
        UserError: a value is out of range, or options do not go together.
    """
    order = Order(options.order, options.niche, options.diversity)
    pair = options.with_user is not None or options.with_ratings is not None
    check_request(options.k, order, ("-k", "--diversity", "--niche", "--order"), pair)
    if options.ignore_below is not None and not math.isfinite(options.ignore_below):
        raise UserError(f"--ignore-below {options.ignore_below}: not a rating.")
    if options.min_raters < 0:
        raise UserError(f"--min-raters {options.min_raters}: at least 0.")
    if options.all != (options.out is not None):
        raise UserError("--all and --out belong together: the lists of all users go to a file.")
    if options.out is not None and options.out.suffix.lower() not in PARQUET:
        raise UserError(
            f"--out {options.out}: the lists are written as Parquet; end it in .parquet."
        )
    if options.scale and options.ratings is None and options.with_ratings is None:
        raise UserError("--scale: only together with --ratings or --with-ratings.")
    if options.all and options.json:
        raise UserError("--all writes Parquet, not JSON.")
    one = options.user is not None or options.ratings is not None
    personal = {
        "--diversity": options.diversity, "--order": options.order != "best",
        "--next": options.next, "--with-user and --with-ratings": pair, "--ignore": options.ignore,
        "--ignore-below": options.ignore_below is not None,
        "--niche": options.niche and not options.all,
        "--planned": options.planned != "hide", "--dropped-sequels": options.dropped_sequels,
    }  # fmt: skip
    for name, given in personal.items():
        if given and not one:
            raise UserError(f"{name}: only together with --user or --ratings.")
    years = options.from_year, options.to_year
    filters = Filters(options.genre, options.no_genre, options.type, years, not options.no_sequels)
    return filters._replace(
        min_raters=options.min_raters,
        one_per_franchise=options.one_per_franchise,
        next_in_series=options.next,
        dropped_sequels=options.dropped_sequels,
        planned=options.planned,
    ), order
