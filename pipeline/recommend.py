"""Recommend anime to a user of the data, or to new users from their lists."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import exit_on_user_error
from pipeline.files import destination
from pipeline.recommender import rating_files

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
        row = _titles(recommender, [options.like])[0]
        return recommender.similar(row, options.k, filters)
    first = _person(options, recommender, options.user, options.ratings)
    if options.with_user is None and options.with_ratings is None:
        return recommender.recommend(first, options.k, filters, order)
    from pipeline.recommender.pair import recommend_both

    second = _person(options, recommender, options.with_user, options.with_ratings)
    return recommend_both(recommender, (first, second), options.k, filters, order.niche)


def _person(
    options: argparse.Namespace, recommender: "Recommender", user: str | None, file: Path | None
) -> "Person":
    """Look up a user of the data, or fold in a new one and say what was understood of the list."""
    from pipeline.recommender.newcomers import find as in_catalogue

    if user is not None:
        person = recommender.user(user)
    else:
        assert file is not None
        brought = rating_files.read(file, recommender.scorer.scale[:2], options.scale)
        found = in_catalogue(recommender.catalogue, brought)
        _say(f"{file}: {' '.join(found.reading.sentences())}")
        person = recommender.newcomer([*found.entries.values()])
    if not options.ignore and options.ignore_below is None:
        return person
    ignored = _titles(recommender, options.ignore)
    return recommender.without(person, ignored, options.ignore_below)


def _titles(recommender: "Recommender", queries: list[str]) -> list[int]:
    """Find titles that somebody typed, and say which names were not exact; returns their rows."""
    matches = [recommender.catalogue.match(query) for query in queries]
    for said in dict.fromkeys(match.said for match in matches if match.said):
        _say(f"{said}.")
    return [match.row for match in matches]


def _say(text: str) -> None:
    """Print what was understood, apart from what was asked for."""
    print(text, file=sys.stderr)


def write(
    out: Path, recommender: "Recommender", number: int, filters: "Filters", niche: float
) -> None:
    """Write the lists of all users to a Parquet file.

    Raises:
        UserError: the filters cannot be used, or the file cannot be written.
    """
    import pyarrow.parquet as pq
    from rich.progress import track

    from pipeline.recommender.batch import USERS_PER_CHUNK, BatchRecommender

    batch = BatchRecommender(recommender, number, filters, niche)
    with destination(out) as new, pq.ParquetWriter(new, batch.schema) as writer:
        chunks = -(-len(recommender.on_lists.raters) // USERS_PER_CHUNK)
        for lists in track(batch.lists(), "users", chunks):
            writer.write_batch(lists)
    print(f"lists of {len(recommender.on_lists.raters)} users in {out}")


def show(titles: Rows) -> None:
    """Print titles as a table."""
    from rich.console import Console
    from rich.table import Table

    table, similar = Table(), "similarity" in titles[0]
    pair = "other" in titles[0]
    table.add_column("", justify="right")
    table.add_column("title")
    for name in ["similarity"] if similar else ["rating", "other's"][: 1 + pair]:
        table.add_column(name, justify="right")
    if not similar:
        table.add_column("why")
    for rank, title in enumerate(titles, start=1):
        if similar:
            table.add_row(str(rank), _named(title), f"{title['similarity']:.2f}")
            continue
        ratings = [_rating(one) for one in (title, title.get("other")) if one]
        table.add_row(str(rank), _named(title), *ratings, _reasons(title))
    Console(emoji=False).print(table)  # ":smile:" in a name is text


def _named(title: dict[str, Any]) -> str:
    """Write what a title is, in rich's markup."""
    from rich.markup import escape

    from pipeline.recommender.catalogue import caption

    notes = ["you plan to watch it"] if title.get("planned") else []
    if more := title.get("more_in_series"):
        notes.append(f"and {more} more of this series")
    lines = [caption(title), *notes]
    return "\n".join([escape(title["title"]), *(f"[dim]{escape(line)}[/dim]" for line in lines)])


def _rating(title: dict[str, Any]) -> str:
    """Write a prediction and its interval."""
    interval = f"{title['low']:.1f} to {title['high']:.1f}"
    return f"{title['prediction']:.2f}\n[dim]{interval}[/dim]"


def _reasons(title: dict[str, Any]) -> str:
    """Write what speaks for watching a title, and what moves its rating."""
    from rich.markup import escape

    watch = [f"watch {part['share']:.0%} {part['what']}" for part in title["why_watch"]]
    rating = [f"rating +{part['points']:.2f} {part['what']}" for part in title["why"]]
    return escape("\n".join([*watch[:2], *rating[:2]]))


def main() -> None:
    """Recommend, and print the titles or write them to a file."""
    from pipeline.recommender.arguments import arguments, checked

    options = arguments(__doc__)
    filters, order = checked(options)
    from pipeline.recommender.recommender import Recommender

    recommender = Recommender(options.model)
    if options.all:
        write(options.out, recommender, options.k, filters, order.niche)
        return
    titles = find(options, recommender, filters, order)
    print(json.dumps(titles, indent=2, ensure_ascii=False)) if options.json else show(titles)


if __name__ == "__main__":
    exit_on_user_error(main)
