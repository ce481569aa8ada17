"""Recommend anime to a user of the data, or to a new user from a few ratings."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import destination
from pipeline.paths import MODEL, ROOT
from pipeline.recommender import rating_files

if TYPE_CHECKING:
    from pipeline.recommender.filters import Filters
    from pipeline.recommender.recommender import Recommender

Rows = list[dict[str, Any]]


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.recommend", description=__doc__)
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--user", metavar="NAME_OR_ID", help="recommend to this user of the data")
    whom.add_argument(
        "--ratings",
        type=Path,
        metavar="FILE",
        help="recommend to a new user with these ratings: a CSV file with the columns anime_id or "
        "title, and rating, or MyAnimeList's XML export; either may be gzipped",
    )
    whom.add_argument(
        "--all", action="store_true", help="recommend to every user with ratings, into --out"
    )
    whom.add_argument("--like", metavar="TITLE", help="list titles similar to this one")
    parser.add_argument("-k", type=int, default=20, help="how many titles (default: %(default)s)")
    parser.add_argument(
        "--genre",
        action="append",
        default=[],
        help="only titles of this genre; repeat to require several",
    )
    parser.add_argument(
        "--no-genre",
        action="append",
        default=[],
        help="no titles of this genre; repeat to exclude several",
    )
    parser.add_argument(
        "--type",
        action="append",
        default=[],
        help="only titles of this type, such as TV; repeat to allow several",
    )
    parser.add_argument("--from-year", type=int, metavar="YEAR", help="began in this year or later")
    parser.add_argument("--to-year", type=int, metavar="YEAR", help="began in this year or earlier")
    parser.add_argument(
        "--no-sequels", action="store_true", help="no sequels of titles that the user has not rated"
    )
    parser.add_argument(
        "--diversity",
        type=float,
        default=0.0,
        help="from 0 (the highest predictions) to 1 (titles as different as possible)",
    )
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


def checked(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options.

    Raises:
        UserError: a value is out of range, or options do not go together.
    """
    from pipeline.recommender.recommender import check_request

    check_request(options.k, options.diversity, ("-k", "--diversity"))
    if options.all != (options.out is not None):
        raise UserError("--all and --out belong together: the lists of all users go to a file.")
    if options.all and options.json:
        raise UserError("--all writes Parquet, not JSON.")
    if options.diversity and (options.all or options.like is not None):
        raise UserError("--diversity is for --user and --ratings.")
    return options


def find(options: argparse.Namespace, recommender: "Recommender", filters: "Filters") -> Rows:
    """Find titles for a user of the data or a new user, or titles similar to another.

    Raises:
        UserError: the user or title is unknown, the ratings cannot be used, or no title may be
            listed.
    """
    if options.like is not None:
        return recommender.similar(recommender.catalogue.row(options.like), options.k, filters)
    if options.user is not None:
        person = recommender.user(options.user)
    else:
        person = recommender.newcomer(rating_files.read(options.ratings, recommender.scorer.scale))
    return recommender.recommend(person, options.k, filters, options.diversity)


def write(out: Path, recommender: "Recommender", number: int, filters: "Filters") -> None:
    """Write the lists of all users to a Parquet file.

    Raises:
        UserError: the filters cannot be used, or the file cannot be written.
    """
    import pyarrow.parquet as pq
    from rich.progress import track

    from pipeline.recommender.batch import SCHEMA, USERS_PER_CHUNK, BatchRecommender

    lists = BatchRecommender(recommender, number, filters).lists()
    with destination(out) as new, pq.ParquetWriter(new, SCHEMA) as writer:
        chunks = -(-len(recommender.raters) // USERS_PER_CHUNK)
        for batch in track(lists, "users", chunks):
            writer.write_batch(batch)
    print(f"lists of {len(recommender.raters)} users in {out}")


def show(titles: Rows) -> None:
    """Print titles as a table."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline.recommender.catalogue import caption

    measure = "similarity" if "similarity" in titles[0] else "prediction"
    table, why = Table(), "why" in titles[0]
    for name in ("", "title", measure, *(["why"] if why else [])):
        table.add_column(name, justify="right" if name in ("", measure) else "left")
    for rank, title in enumerate(titles, start=1):
        cells = [str(rank), f"{escape(title['title'])}\n[dim]{escape(caption(title))}[/dim]"]
        cells.append(f"{title[measure]:.2f}")
        if why:
            reasons = (f"+{part['points']:.2f} {escape(part['what'])}" for part in title["why"])
            cells.append("\n".join(reasons))
        table.add_row(*cells)
    Console().print(table)


def main() -> None:
    """Recommend, and print the titles or write them to a file."""
    options = checked(arguments())
    from pipeline.recommender.filters import Filters
    from pipeline.recommender.recommender import Recommender

    recommender = Recommender(options.model)
    years = options.from_year, options.to_year
    filters = Filters(options.genre, options.no_genre, options.type, years, not options.no_sequels)
    if options.all:
        write(options.out, recommender, options.k, filters)
        return
    titles = find(options, recommender, filters)
    print(json.dumps(titles, indent=2, ensure_ascii=False)) if options.json else show(titles)


if __name__ == "__main__":
    exit_on_user_error(main)
