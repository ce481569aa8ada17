"""What a model knows of who watches what, and how it orders lists, as stored."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array
from pipeline.errors import UserError
from pipeline.files import replace_json

WATCH, LISTS = "watch.npz", "lists.json"


class Watch(NamedTuple):
    """For each title on a list, the candidates that it speaks for or against most (15).

    Attributes:
        titles: their rows in the item table: int32 [trained titles + 1, k]; k is 0 without a wide
            part.
        weights: the weights of the crosses: float32 [trained titles + 1, k].
    """

    titles: Array
    weights: Array


class Join(NamedTuple):
    """How the two questions are joined (17).

    Attributes:
        gain_power: power of the expected gain.
        raters_power: power of a title's number of raters, by which the rest is divided.
    """

    gain_power: float = 1.0
    raters_power: float = 0.0


NO_CROSSES = Watch(np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32))


def save_watch(folder: Path, watch: Watch) -> None:
    """Write the crosses to a model."""
    np.savez(folder / WATCH, **watch._asdict())


def load_watch(folder: Path) -> Watch:
    """Read the crosses of a model.

    Raises:
        UserError: the model has none; it was trained by an earlier version.
    """
    if not (folder / WATCH).exists():
        raise UserError(f"{folder}: this model has no {WATCH}; train it again with `dvc repro`.")
    with np.load(folder / WATCH) as file:
        return Watch(**file)


def save_join(folder: Path, join: Join) -> None:
    """Write how a model orders lists."""
    replace_json(folder / LISTS, join._asdict())


def load_join(folder: Path) -> Join:
    """Read how a model orders lists."""
    return Join(**json.loads((folder / LISTS).read_text(encoding="utf-8")))
