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
    """Settings of a data set on Kaggle; ``files`` maps the files that are used to their digests."""

    handle: str
    version: int
    files: dict[str, str]


def write(settings: Settings, folder: Path) -> dict[str, Any]:
    """Copy the files to ``folder`` once all of them are there and have their digests.

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
    """Bring a file to kagglehub's cache, which an interrupted download goes on from."""
    import kagglehub
    from kagglehub.exceptions import DataCorruptionError

    handle = f"{settings.handle}/versions/{settings.version}"

    def get() -> Path:
        # kagglehub may take a wrong file for complete: it goes on with a part whatever the answer.
        for from_scratch in (False, True):
            with suppress(DataCorruptionError, BadZipFile):  # it looks at some files itself
                file = Path(kagglehub.dataset_download(handle, name, force_download=from_scratch))
                if archives.is_right(file, digest):
                    return file
        raise ValueError(f"in {handle} its digest is not {digest}; try another dataset.version")

    return archives.download(name, get, _by_hand(settings))


def _by_hand(settings: Settings) -> str:
    return (
        "The next run goes on where this one stopped. "
        f"To place the files by hand: get {', '.join(settings.files)} from "
        f"https://www.kaggle.com/datasets/{settings.handle} in a browser, put them in a folder or "
        "keep the zip archive, and add -S dataset.path=FOLDER_OR_ZIP to `dvc exp run`."
    )
