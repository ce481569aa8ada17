"""Ratings from a folder of the user's own, in the three-file layout of Kaggle's data set."""

import shutil
from pathlib import Path

from pipeline.config import Local, home
from pipeline.errors import UserError
from pipeline.tables import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV


def write(settings: Local, folder: Path) -> None:
    """Copy the three files, and the test scores where set, to ``folder``.

    Raises:
        UserError: a file is missing; the message names it and the setting that leads to it.
    """
    source = home() / Path(settings.path).expanduser()
    files = {source / name: name for name in (SCORES_CSV, DETAILS_CSV, CATALOGUE_CSV)}
    key = dict.fromkeys(files, "dataset.path")
    if settings.test_scores is not None:
        test = home() / Path(settings.test_scores).expanduser()
        files[test], key[test] = TEST_CSV, "dataset.test_scores"
    for file in files:
        if not file.is_file():
            raise UserError(f"{file.resolve()}: no such file; check {key[file]}.")
    for file, name in files.items():
        shutil.copyfile(file, folder / name)
