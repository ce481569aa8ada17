"""The raw files that every source writes: their names, the columns that are needed, reading."""

from pathlib import Path

import duckdb
import ibis
from ibis.backends import BaseBackend

from pipeline.errors import UserError

SCORES_CSV = "users-score-2023.csv"
DETAILS_CSV = "users-details-2023.csv"
CATALOGUE_CSV = "anime-dataset-2023.csv"
TEST_CSV = "test-scores.csv"

# Column of the file: column of the table. Only what a later stage uses is read.
SCORES = {"user_id": "user_id", "anime_id": "item_id", "rating": "rating"}
COLUMNS = {
    SCORES_CSV: SCORES,
    TEST_CSV: SCORES,
    DETAILS_CSV: {
        "Mal ID": "user_id",
        "Completed": "completed",
        "Plan to Watch": "plan_to_watch",
    },
    CATALOGUE_CSV: {
        "anime_id": "item_id",
        "Name": "title",
        "Genres": "genres",
        "Type": "type",
        "Source": "source",
        "Studios": "studios",
        "Episodes": "episodes",
    },
}


def read_csv(engine: BaseBackend, path: Path, kind: str) -> ibis.Table:
    """Read a CSV file lazily, as text.

    Args:
        engine: what reads it.
        path: the file.
        kind: whose columns it must have: a name in ``COLUMNS``.

    Returns:
        The needed columns renamed, ``file`` (its name) and ``row`` (counted from 1).

    Raises:
        UserError: the file is no CSV that can be read, or a column is missing.
    """
    try:
        text = engine.read_csv(
            path, all_varchar=True, header=True, delim=",", quote='"', escape='"'
        )
    except duckdb.Error as error:
        raise UserError(f"{path.name} cannot be read as CSV: {error}") from error
    missing = [name for name in COLUMNS[kind] if name not in text.columns]
    if missing:
        raise UserError(
            f"{path.name}: no column {', '.join(map(repr, missing))}; it has {list(text.columns)}."
        )
    return text.select(
        file=ibis.literal(path.name),
        row=ibis.row_number() + 1,
        **{new: text[old] for old, new in COLUMNS[kind].items()},
    )
