"""Ratings as arrays, with the rating histories of their user and title."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array, Floats, Ints
from pipeline.tables.earlier import HISTORY, ROW, with_earlier
from pipeline.tables.entities import Entities, read_items, read_users

PARTS = ("train", "valid", "test")
Columns = dict[str, Array]
Pairs = tuple[Ints, Ints]  # rows of the user table and of the item table: [n] each
Range = tuple[int, int] | None  # of users: the first, and the one after the last; None for all


@dataclass(frozen=True)
class Tables:
    """The feature tables, each read once.

    Attributes:
        users, items: the user table and the item table.
        sums: the HISTORY columns over all training ratings: [users] or [titles] each.
        parts: for each of PARTS its columns user, item, rating; block too for training rows.
        watched: what ``read_watched`` returns.
    """

    users: Entities
    items: Entities
    sums: dict[str, Array]
    parts: dict[str, Columns]
    watched: Pairs

    def rows(self, part: str) -> tuple[Columns, Floats]:
        """Return the rows of a part, as ``read_rows`` does."""
        return _rows(part, self.parts[part], self.sums)


def read_tables(folder: Path) -> Tables:
    """Read the feature tables in a folder."""
    users, items = read_users(folder / "users.parquet"), read_items(folder / "items.parquet")
    parts = {part: _columns(folder, part) for part in PARTS}
    return Tables(users, items, _sums(folder), parts, read_watched(folder))


def read_rows(folder: Path, part: str) -> tuple[Columns, Floats]:
    """Read the rows of 'train', 'valid' or 'test'.

    Returns:
        The ROW columns ([n] each) and the ratings (float32 [n]). The histories of a training row
        hold the ratings in earlier blocks, never its own (see
        ``pipeline.tables.earlier.with_blocks``); those of other rows hold all training ratings.
    """
    sums = {} if part == "train" else _sums(folder)
    return _rows(part, _columns(folder, part), sums)


def read_pairs(folder: Path, part: str, users: Range = None) -> tuple[Columns, Floats]:
    """Read a part without histories: user and item (int32 [n]), and ratings (float32 [n]).

    Args:
        folder: folder of the feature tables.
        part: one of PARTS.
        users: first user, and the one after the last; None for all.
    """
    columns = _columns(folder, part, users)
    pairs = {name: columns[name] for name in ("user", "item")}
    return pairs, columns["rating"].astype(np.float32)


def read_watched(folder: Path, users: Range = None) -> Pairs:
    """Read the titles watched without a rating: user and item, int32 [n] each.

    The users are those of ``read_pairs``.
    """
    columns = _columns(folder, "watched", users)
    return columns["user"], columns["item"]


def read_listed(folder: Path) -> Pairs:
    """Read what is on users' lists before validation: the training rows, then what is watched."""
    rows, watched = _columns(folder, "train"), read_watched(folder)
    return np.concatenate([rows["user"], watched[0]]), np.concatenate([rows["item"], watched[1]])


def _rows(part: str, columns: Columns, sums: dict[str, Array]) -> tuple[Columns, Floats]:
    rating = columns["rating"]
    if part == "train":
        return with_earlier(columns, rating), rating.astype(np.float32)
    histories = {name: sums[name][columns[name.split("_")[0]]] for name in HISTORY}
    return {name: (columns | histories)[name] for name in ROW}, rating.astype(np.float32)


def _columns(folder: Path, part: str, users: Range = None) -> Columns:
    """Read the columns of a part; its rows are sorted by user, so few others are looked at."""
    filters = users and [("user", ">=", users[0]), ("user", "<", users[1])]
    table = pq.read_table(folder / f"{part}.parquet", filters=filters)
    return {name: table[name].to_numpy() for name in table.column_names}


def _sums(folder: Path) -> dict[str, Array]:
    sums: dict[str, Array] = {}
    for name in ("user", "item"):
        columns = [column for column in HISTORY if column.startswith(name)]
        table = pq.read_table(folder / f"{name}s.parquet", columns=columns)
        sums |= {column: table[column].to_numpy() for column in columns}
    return sums
