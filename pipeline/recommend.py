"""Recommend anime to a user of the data, or to new users from their lists."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import destination

if TYPE_CHECKING:
    from pipeline.recommender.filters import Filters
    from pipeline.recommender.lists import Order
    from pipeline.recommender.person import Person
    from pipeline.recommender.recommender import Recommender

Rows = list[dict[str, Any]]


def find(
    options: argparse.Namespace, recommender: "Recommender", filters: "Filters", order: "Order"
) -> Rows:
    """Find titles for one user or two, or titles similar to another.

    Raises:
        UserError: a user or title is unknown, a list cannot be used, or no title may be listed.
    """
    if options.like is not None:
        return recommender.similar(recommender.catalogue.row(options.like), options.k, filters)
    first = _person(options, recommender, options.user, options.ratings)
    if options.with_user is None and options.with_ratings is None:
        return recommender.recommend(first, options.k, filters, order)
    from pipeline.recommender.pair import recommend_both

    second = _person(options, recommender, options.with_user, options.with_ratings)
    return recommend_both(recommender, (first, second), options.k, filters, order.niche)


def _person(
    options: argparse.Namespace, recommender: "Recommender", user: str | None, file: Path | None
) -> "Person":
    """Look up a user of the data, or fold in a new one."""
    if user is not None:
        person = recommender.user(user)
    else:
        from pipeline.recommender import rating_files

        assert file is not None
        person = recommender.newcomer(rating_files.read(file, recommender.scorer.scale))
    if not options.ignore and options.ignore_below is None:
        return person
    return recommender.without(person, options.ignore, options.ignore_below)


def write(out: Path, recommender: "Recommender", number: int, filters: "Filters", niche: float) -> None:
    """Write the lists of all users to a Parquet file.

    Raises:
        UserError: the filters cannot be used, or the file cannot be written.
    """
    import pyarrow.parquet as pq
    from rich.progress import track

    from pipeline.recommender.batch import SCHEMA, USERS_PER_CHUNK, BatchRecommender

    lists = BatchRecommender(recommender, number, filters, niche).lists()
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
    from pipeline.recommender.catalogue import Filters
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
