"""The real data set with other ratings: what benchmarks train on beside the set as it is."""

from pathlib import Path

import pandas as pd

from benchmarks.accuracy import DATASETS, fit_ours, prepare
from pipeline.tables.raw import SCORES_CSV

DATASET = "mal_real"


def trained(
    work: Path, source: Path, folder: Path, scores: pd.DataFrame, *settings: str
) -> dict[str, float]:
    """Train the default model in ``work`` on other ratings; predictions.npy is of the test rows.

    Args:
        work: folder of the stages; it must not exist.
        source: folder of the data set.
        folder: where the data set with the other ratings is written.
        scores: the rows of its file of ratings.
        settings: more overrides of conf/.

    Returns:
        What ``fit_ours`` returns.
    """
    folder.mkdir(exist_ok=True)
    for file in source.iterdir():
        if file.name != SCORES_CSV and not (folder / file.name).exists():
            (folder / file.name).symlink_to(file)
    scores.to_csv(folder / SCORES_CSV, index=False)
    overrides = ("dataset=local", f"dataset.path='{folder}'", *settings)
    work.mkdir()
    prepare(work, DATASETS[DATASET]._replace(overrides=overrides, folder=None), source)
    return fit_ours(work, work / "predictions.npy")


def with_unrated(source: Path, listed: Path) -> pd.DataFrame:
    """Return the ratings of a data set, then the rows of a file that have none: -1.

    Args:
        source: folder of the data set.
        listed: a CSV file with user_id, anime_id and rating, which is -1 for a title that was
            watched and not rated.
    """
    rows = pd.read_csv(listed)
    return pd.concat([pd.read_csv(source / SCORES_CSV), rows[rows["rating"] == -1]])
