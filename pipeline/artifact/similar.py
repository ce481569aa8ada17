"""The most similar titles of each title, and how much their ratings count, as stored."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

from pipeline.arrays import Array, Floats
from pipeline.artifact.folder import RATINGS, read_ratings, write_columns

SIMILAR = "similar.npz"


class Similar(NamedTuple):
    """The titles most similar to each title.

    Attributes:
        titles: their rows in the item table: int32 [trained titles + 1, k].
        weights: their similarity (14), 0 for none: float32 [trained titles + 1, k].
        strength: factor of what they add to a prediction (13): float32 [].
    """

    titles: Array
    weights: Array
    strength: Array


def save_similar(folder: Path, similar: Similar, residual: Floats) -> None:
    """Write the similar titles to a model, and add a residual to each rating that it has.

    Args:
        folder: the model's folder, with its ratings.
        similar: the similar titles.
        residual: rating minus prediction, in the order of the ratings: float32 [n].
    """
    np.savez(folder / SIMILAR, **similar._asdict())
    table = feather.read_table(folder / RATINGS)
    write_columns(folder / RATINGS, table.append_column("residual", pa.array(residual)))


def load_similar(folder: Path) -> tuple[Similar, list[Array]] | None:
    """Read the similar titles of a model, and user, item and residual of each rating.

    Returns:
        None if the model has no similar titles.
    """
    if not (folder / SIMILAR).exists():
        return None
    with np.load(folder / SIMILAR) as file:
        similar = Similar(**file)
    return similar, read_ratings(folder, "user", "item", "residual")
