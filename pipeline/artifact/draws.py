"""Draws of all weights from their posterior, as they are stored."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.arrays import Array, Ints


class Draw(NamedTuple):
    """One draw of all weights, as it is stored.

    Attributes:
        users: float16 [known + 1, n]; row 0 is any user who was not trained on.
        items: float16 [known + 1, m].
        map: float32 [attributes + 1, m]; puts titles without ratings where their kind is.
        user_map: float32 [history + 2, n]; where history, number of ratings and a constant lead to
            expect a user's weights.
        precision: float32 [n, n], of the weights around that.
        noise: float32 [known + 1], precision of each user.
        cuts: float32 [grades - 1]; none where ratings are numbers.
        intercept: float32 [].
    """

    users: Array
    items: Array
    map: Array
    user_map: Array
    precision: Array
    noise: Array
    cuts: Array
    intercept: Array


class Kept(NamedTuple):
    """What is kept of the posterior.

    Attributes:
        draws: at least one.
        attributes: of all titles, as ``describe.attributes`` gives them: float32 [titles, m].
        labels: attribute, and index of its value, of each column of these.
        crossed: the columns of ``attributes`` that users have weights for: int64 [n].
        basis: right singular vectors of who rated what; a user's history is their sum over the
            rated titles, divided by the root of their number: float32 [titles, components].
    """

    draws: list[Draw]
    attributes: Array
    labels: list[tuple[str, int]]
    crossed: Ints
    basis: Array


def save_draws(kept: Kept, path: Path) -> None:
    """Store what is kept in one file."""
    fields: dict[str, Any] = {
        f"{i}/{name}": array
        for i, draw in enumerate(kept.draws)
        for name, array in draw._asdict().items()
    }
    names = np.array([name for name, _ in kept.labels], str)
    codes = np.array([code for _, code in kept.labels], np.int64)
    shared: dict[str, Any] = {
        "attributes": kept.attributes,
        "names": names,
        "codes": codes,
        "crossed": kept.crossed,
        "basis": kept.basis,
    }
    np.savez(path, **shared, **fields)


def load_draws(path: Path) -> Kept:
    """Read what ``save_draws`` wrote."""
    with np.load(path) as file:
        number = sum(name.endswith("/users") for name in file.files)
        draws = [Draw(*(file[f"{i}/{name}"] for name in Draw._fields)) for i in range(number)]
        labels = list(zip(file["names"].tolist(), file["codes"].tolist(), strict=True))
        return Kept(draws, file["attributes"], labels, file["crossed"], file["basis"])
