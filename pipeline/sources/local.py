"""Ratings from the user's own files, in the three-file layout of Kaggle's data set."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.paths import from_home
from pipeline.settings.sections import Files
from pipeline.tables.dialect import rewrite


@dataclass
class Settings(Files):
    """Settings of the user's own files; see conf/dataset/local.yaml.

    Attributes:
        test_scores: a file of ratings that is the test set; null for none.
        encoding: the encoding of the files; null to find it out.
    """

    test_scores: str | None
    encoding: str | None = None


def write(settings: Settings, folder: Path) -> dict[str, Any]:
    """Copy the files, and the test set if there is one, to ``folder``.

    The file of users' details may be missing. Files in a declared encoding become UTF-8.

    Raises:
        UserError: a file is missing, is not CSV or lacks a column; the message names the file.
    """
    from pipeline.tables.raw import (
        CATALOGUE_CSV,
        COLUMNS,
        DETAILS_CSV,
        SCORES_CSV,
        TEST_CSV,
        layout,
    )

    if settings.path is None:
        raise UserError("dataset.path is not set; set it to the folder of the three files.")
    files = {
        name: from_home(settings.path) / name for name in (SCORES_CSV, DETAILS_CSV, CATALOGUE_CSV)
    }
    if settings.test_scores is not None:
        files[TEST_CSV] = from_home(settings.test_scores)
    if not os.path.lexists(files[DETAILS_CSV]):
        del files[DETAILS_CSV]
    layouts = {}
    for name, file in files.items():
        if not file.is_file():
            key = "dataset.test_scores" if name == TEST_CSV else "dataset.path"
            raise UserError(f"{file.parent.resolve() / file.name}: no such file; check {key}.")
        layouts[name] = layout(file, COLUMNS[name], settings.encoding)  # before any is copied
    for name, file in files.items():
        if settings.encoding is None:
            shutil.copyfile(file, folder / name)
        else:
            rewrite(file, layouts[name].dialect, folder / name)
    return {}
