"""Ratings from a folder of the user's own, in the three-file layout of Kaggle's data set."""

import shutil
from pathlib import Path

import ibis

from pipeline.config import Local, from_home
from pipeline.errors import UserError
from pipeline.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV, read_csv


def write(settings: Local, folder: Path) -> None:
    """Copy the three files, and the test scores where set, to ``folder``.

    Raises:
        UserError: a file is missing, is no CSV or lacks a column; the message names the file.
    """
    files = {
        name: from_home(settings.path) / name for name in (SCORES_CSV, DETAILS_CSV, CATALOGUE_CSV)
    }
    if settings.test_scores is not None:
        files[TEST_CSV] = from_home(settings.test_scores)
    engine = ibis.duckdb.connect()
    for name, file in files.items():
        if not file.is_file():
            key = "dataset.test_scores" if name == TEST_CSV else "dataset.path"
            raise UserError(f"{file.resolve()}: no such file; check {key}.")
        read_csv(engine, file, name)  # looks at the columns, before anything is copied
    for name, file in files.items():
        shutil.copyfile(file, folder / name)
