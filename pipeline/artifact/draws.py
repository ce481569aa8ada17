"""Posterior draws of all weights, as stored in ``draws.npz``."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.arrays import Array, Ints


class Draw(NamedTuple):
    """One posterior draw of all weights.

    Attributes:
        users: weights of each user, laid out as ``Layout``: float16 [trained users + 1, n]; row 0:
            any other user.
        items: weights of each title: float16 [trained titles + 1, m]; row 0: any other title.
        map: prior map (5) from a title's attributes and the constant, for titles without ratings:
            float32 [attributes + 1, m].
        user_map: prior map (5) from a user's history, log-count and the constant: float32
            [history + 2, n].
        precision: prior precision of users' weights around their prior mean: float32 [n, n].
        noise: noise precision of each user: float32 [trained users + 1].
        cuts: thresholds: float32 [grades - 1]; empty for the member ``normal``.
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
    """The kept posterior draws, and the inputs that they need for a prediction.

    Attributes:
        draws: at least one.
        attributes: all titles, as ``pipeline.model.posterior.attributes`` encodes them: float32
            [titles, columns].
        labels: attribute and vocabulary index of each column of ``attributes``.
        crossed: the columns of ``attributes`` that users have cross weights for: int64 [crosses].
        basis: right singular vectors of who rated what: a user's history is their sum over the n
            rated titles / √n: float32 [trained titles + 1, components].
    """

    draws: list[Draw]
    attributes: Array
    labels: list[tuple[str, int]]
    crossed: Ints
    basis: Array


def save_draws(kept: Kept, path: Path) -> None:
    """Write the kept draws to one .npz file."""
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
    """Read the file that ``save_draws`` wrote."""
    with np.load(path) as file:
        number = sum(name.endswith("/users") for name in file.files)
        draws = [Draw(*(file[f"{i}/{name}"] for name in Draw._fields)) for i in range(number)]
        labels = list(zip(file["names"].tolist(), file["codes"].tolist(), strict=True))
        return Kept(draws, file["attributes"], labels, file["crossed"], file["basis"])
