"""Recommend titles to a user of the data, or to anybody who brings a few ratings."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import destination
from pipeline.paths import MODEL, ROOT

if TYPE_CHECKING:
    from pipeline.recommender.catalogue import Wanted
    from pipeline.recommender.recommender import Recommender

Rows = list[dict[str, Any]]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.recommend", description=__doc__)
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--user", metavar="NAME_OR_ID", help="a user of the data")
    whom.add_argument(
        "--ratings",
        type=Path,
        metavar="FILE",
        help="ratings of somebody new: CSV with anime_id or title, and rating; or the XML that "
        "MyAnimeList exports; plain or gz",
    )
    whom.add_argument("--all", action="store_true", help="every user who rated, into --out")
    whom.add_argument("--like", metavar="TITLE", help="no user: titles similar to this one")
    parser.add_argument("-k", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument("--genre", action="append", default=[], help="must have it; repeatable")
    parser.add_argument("--no-genre", action="append", default=[], help="must not; repeatable")
    parser.add_argument("--type", action="append", default=[], help="TV, Movie, …; repeatable")
    parser.add_argument("--from-year", type=int, metavar="YEAR", help="began in this year or later")
    parser.add_argument("--to-year", type=int, metavar="YEAR", help="began in this year or before")
    parser.add_argument(
        "--no-sequels", action="store_true", help="nothing that goes on with a title not rated"
    )
    parser.add_argument(
        "--diversity", type=float, default=0.0, help="0 highest predictions, 1 unlike each other"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="Parquet to write, for --all")
    parser.add_argument("--model", type=Path, default=ROOT / MODEL, help="default: %(default)s")
    return parser.parse_args()


def checked(options: argparse.Namespace) -> argparse.Namespace:
    """Return what was asked for.

    Raises:
        UserError: it makes no sense.
    """
    if not 1 <= options.k <= 10_000:
        raise UserError(f"-k {options.k}: from 1 to 10000.")
    if not 0 <= options.diversity <= 1:
        raise UserError(f"--diversity {options.diversity}: from 0 to 1.")
    if options.all != (options.out is not None):
        raise UserError("--all and --out belong together: the lists of all users go to a file.")
    if options.all and options.json:
        raise UserError("--all writes Parquet, not JSON.")
    if options.diversity and (options.all or options.like is not None):
        raise UserError("--diversity is for --user and --ratings.")
    return options


def find(options: argparse.Namespace, recommender: "Recommender", wanted: "Wanted") -> Rows:
    """Find titles for a user, a newcomer, or like another.

    Raises:
        UserError: they cannot be found.
    """
    if options.like is not None:
        return recommender.similar(recommender.catalogue.row(options.like), options.k, wanted)
    if options.user is not None:
        person = recommender.user(options.user)
    else:
        from pipeline.recommender import rating_files

        person = recommender.newcomer(rating_files.read(options.ratings, recommender.scorer.scale))
    return recommender.recommend(person, options.k, wanted, options.diversity)


def write(out: Path, recommender: "Recommender", number: int, wanted: "Wanted") -> None:
    """Write the lists of all users to a Parquet file.

    Raises:
        UserError: no title is as wanted, or the file cannot be written.
    """
    import pyarrow.parquet as pq
    from rich.progress import track

    from pipeline.recommender.batch import SCHEMA, USERS, Everyone

    everyone = Everyone(recommender, number, wanted)
    with destination(out) as new, pq.ParquetWriter(new, SCHEMA) as writer:
        blocks = -(-len(recommender.raters) // USERS)
        for batch in track(everyone.lists(), "users", blocks):
            writer.write_batch(batch)
    print(f"lists of {len(recommender.raters)} users in {out}")


def show(found: Rows) -> None:
    """Print titles as a table."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline.recommender.catalogue import about

    measure = "similarity" if "similarity" in found[0] else "prediction"
    table, why = Table(), "why" in found[0]
    for name in ("", "title", measure, *(["why"] if why else [])):
        table.add_column(name, justify="right" if name in ("", measure) else "left")
    for place, row in enumerate(found, start=1):
        cells = [str(place), f"{escape(row['title'])}\n[dim]{escape(about(row))}[/dim]"]
        cells.append(f"{row[measure]:.2f}")
        if why:
            cells.append("\n".join(f"+{w['points']:.2f} {escape(w['what'])}" for w in row["why"]))
        table.add_row(*cells)
    Console().print(table)


def main() -> None:
    """Find, and print or write."""
    options = checked(arguments())
    from pipeline.recommender.catalogue import Wanted
    from pipeline.recommender.recommender import Recommender

    recommender = Recommender(options.model)
    years = options.from_year, options.to_year
    wanted = Wanted(options.genre, options.no_genre, options.type, years, not options.no_sequels)
    if options.all:
        write(options.out, recommender, options.k, wanted)
        return
    found = find(options, recommender, wanted)
    print(json.dumps(found, indent=2, ensure_ascii=False)) if options.json else show(found)


if __name__ == "__main__":
    exit_on_user_error(main)
