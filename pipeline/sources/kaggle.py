"""Ratings from a data set of MyAnimeList on Kaggle, downloaded or placed by hand."""

import csv
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from pipeline.files import replacing_file
from pipeline.paths import from_home
from pipeline.settings.sections import Files
from pipeline.sources import archives
from pipeline.tables.dialect import records, sniff

RATING, STATUS = "rating", "watching_status"  # columns of the files of 2020
UNRATED, PLANNED = "0", "6"


@dataclass
class Settings(Files):
    """Settings of a data set on Kaggle.

    Attributes:
        handle: owner and name of the data set.
        version: the version to download; null for the newest.
        files: by the name of each file whose digest is known: its digest.
        scores: the file of ratings, where it is not called as in 2023; null otherwise.
        catalogue: the file of titles, likewise.
    """

    handle: str
    version: int | None
    files: dict[str, str] = field(default_factory=dict)
    scores: str | None = None
    catalogue: str | None = None

    def names(self) -> dict[str, str]:
        """The files to read, and what they are called in data/raw."""
        from pipeline.tables.raw import CATALOGUE_CSV, SCORES_CSV

        others = {self.scores: SCORES_CSV, self.catalogue: CATALOGUE_CSV}
        renamed = {name: target for name, target in others.items() if name is not None}
        return renamed or {name: name for name in self.files}


def write(settings: Settings, folder: Path) -> dict[str, Any]:
    """Copy the files to ``folder``, after checking that all are present with the right digests.

    Rows that say that a user plans to watch a title, and do not rate it, are left out.

    Returns:
        ``digests`` of the files for which none is known, and the numbers of rows ``left_out``.

    Raises:
        UserError: a file is missing, cannot be downloaded or has another digest; the message says
            how to place it by hand.
    """
    names, files = settings.names(), dict[str, Traversable]()
    if settings.path is None:
        for name in names:
            files[name] = _download(settings, name, settings.files.get(name))
    else:
        files = archives.find(from_home(settings.path), *names)
        for name, digest in settings.files.items():
            archives.check(files[name], digest, _by_hand(settings))
    digests, planned = {}, 0
    for name, file in files.items():
        target = folder / names[name]
        archives.copy(file, target)
        if name not in settings.files:
            digests[name] = archives.unpinned(file)
            planned += _leave_out_planned(target)
    facts: dict[str, Any] = {"digests": digests} if digests else {}
    return facts | ({"left_out": {"planned, not watched": planned}} if planned else {})


def _leave_out_planned(path: Path) -> int:
    """Remove the rows of titles that a user plans to watch and has not rated; count them."""
    rows = records(path, sniff(path))
    names = next(rows, [])
    if STATUS not in names or RATING not in names:
        return 0
    status, rating, count = names.index(STATUS), names.index(RATING), 0
    with replacing_file(path) as new, new.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(names)
        for row in rows:
            if row[status:][:1] == [PLANNED] and row[rating:][:1] == [UNRATED]:
                count += 1
            else:
                out.writerow(row)
    if count:
        print(f"{path.name}: {count} rows left out: planned, not watched")
    return count


def _download(settings: Settings, name: str, digest: str | None) -> Path:
    """Download a file to kagglehub's cache, or the rest of it after an interrupted download."""
    import kagglehub
    from kagglehub.exceptions import DataCorruptionError

    handle = settings.handle
    if settings.version is not None:
        handle += f"/versions/{settings.version}"

    def fetch() -> Path:
        # kagglehub appends any answer to a partial file and may then return a wrong file: try the
        # cache first, then from scratch.
        for from_scratch in (False, True):
            with suppress(DataCorruptionError, BadZipFile):  # kagglehub checks some files itself
                file = Path(kagglehub.dataset_download(handle, name, force_download=from_scratch))
                if archives.has_digest(file, digest):
                    return file
        raise ValueError(f"its digest in {handle} is not {digest}; try another dataset.version")

    return archives.download(name, fetch, _by_hand(settings))


def _by_hand(settings: Settings) -> str:
    return (
        "The next run continues the download where this one stopped. "
        f"To place the files by hand: get {', '.join(settings.names())} from "
        f"https://www.kaggle.com/datasets/{settings.handle} in a browser, put them in a folder or "
        "keep the zip archive, and add -S dataset.path=FOLDER_OR_ZIP to `dvc exp run`."
    )
