"""Ratings from Kaggle's dbdmobile/myanimelist-dataset, downloaded or placed by hand."""

from contextlib import suppress
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from pipeline.paths import from_home
from pipeline.settings.sections import Files
from pipeline.sources import archives


@dataclass
class Settings(Files):
    """Settings of a data set on Kaggle; ``files`` maps the names of the files to their digests."""

    handle: str
    version: int
    files: dict[str, str]


def write(settings: Settings, folder: Path) -> dict[str, Any]:
    """Copy the files to ``folder``, after checking that all are present with the right digests.

    Raises:
        UserError: a file is missing, cannot be downloaded or has another digest; the message says
            how to place it by hand.
    """
    files: dict[str, Traversable] = {}
    if settings.path is None:
        for name, digest in settings.files.items():
            files[name] = _download(settings, name, digest)
    else:
        files = archives.find(from_home(settings.path), *settings.files)
        for name, digest in settings.files.items():
            archives.check(files[name], digest, _by_hand(settings))
    for name, file in files.items():
        archives.copy(file, folder / name)
    return {}


def _download(settings: Settings, name: str, digest: str) -> Path:
    """Download a file to kagglehub's cache, or the rest of it after an interrupted download."""
    import kagglehub
    from kagglehub.exceptions import DataCorruptionError

    handle = f"{settings.handle}/versions/{settings.version}"

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
        f"To place the files by hand: get {', '.join(settings.files)} from "
        f"https://www.kaggle.com/datasets/{settings.handle} in a browser, put them in a folder or "
        "keep the zip archive, and add -S dataset.path=FOLDER_OR_ZIP to `dvc exp run`."
    )
