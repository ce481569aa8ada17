"""Ratings of films from MovieLens, downloaded or placed by hand.

Columns of Kaggle's layout that MovieLens lacks (studios, episodes, …) are ``UNKNOWN``. Titles keep
the year at their end, which distinguishes films of the same name. From 10M on, there is nothing
about users.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.paths import from_home
from pipeline.settings.sections import Files
from pipeline.sources import archives
from pipeline.sources.movielens.layouts import Rows, read


@dataclass
class Settings(Files):
    """Settings of a MovieLens archive.

    Attributes:
        url: where it is.
        digest: ``md5:…``; null for an archive that changes.
        split: one of its test sets; null for none.
    """

    url: str
    digest: str | None
    split: str | None


def write(settings: Settings, folder: Path) -> dict[str, Any]:
    """Write ratings, users and films to ``folder`` in Kaggle's layout, and the split's test set.

    Raises:
        UserError: the archive is missing, cannot be downloaded or has another digest, one of its
            files is missing or damaged, or it does not have the split.
    """
    place = _download(settings) if settings.path is None else from_home(settings.path)
    facts = {}
    if place.is_file() and settings.digest is None:
        facts["digests"] = {place.name: archives.unpinned(place)}
    elif place.is_file():
        archives.check(place, settings.digest, _by_hand(settings))
    for name, rows in read(place, settings.split).items():
        _write_csv(folder / name, rows)
    return facts


def _download(settings: Settings) -> Path:
    import pooch

    name = settings.url.rpartition("/")[2]
    cache = pooch.os_cache("anime-ratings")

    def fetch() -> Path:
        url, digest = settings.url, settings.digest
        return Path(pooch.retrieve(url, digest, fname=name, path=cache, progressbar=True))

    return archives.download(name, fetch, _by_hand(settings))


def _by_hand(settings: Settings) -> str:
    return (
        f"To place it by hand: get {settings.url} in a browser, keep the zip archive or unpack it, "
        "and add -S dataset.path=FOLDER_OR_ZIP to `dvc exp run`."
    )


def _write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = iter(rows)
        first = next(rows)
        out = csv.DictWriter(file, first, lineterminator="\n")
        out.writeheader()
        out.writerow(first)
        out.writerows(rows)
