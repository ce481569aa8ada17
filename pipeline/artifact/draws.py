"""Weights of users and titles, as stored: posterior draws, and the network's means as one draw."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.arrays import Array, Ints
from pipeline.artifact.formulas import Layout, LogScale


class Draw(NamedTuple):
    """One posterior draw of all weights.

    Attributes:
        users: weights of each user, laid out as ``Layout``: float16 or float32 [trained users + 1,
            n]; row 0: any other user.
        items: weights of each title: the same [trained titles + 1, m]; row 0: any other title.
        map: prior map (5) from a title's attributes and the constant, for titles without ratings:
            float32 [attributes + 1, m].
        user_map: prior map (5) from a user's history, log-count and the constant: float32
            [history + 2, n].
        precision: prior precision of users' weights around their prior mean: float32 [n, n].
        noise: noise precision of each user: float32 [trained users + 1].
        cuts: thresholds: float32 [grades - 1]; empty for the member ``normal`` and the network.
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
    """Kept draws, and the inputs that they need for a prediction.

    Attributes:
        draws: at least one.
        layout: how the weights are laid out.
        attributes: all titles, as ``pipeline.model.inputs.attributes`` encodes them: float32
            [titles, columns].
        labels: attribute and vocabulary index of each column of ``attributes``.
        crossed: the columns of ``attributes`` that users have cross weights for: int64 [crosses].
        basis: right singular vectors of who rated what: a user's history is their sum over the n
            rated titles / n^power: float32 [trained titles + 1, components].
        power: see ``basis``.
        counts: scale of users' log-counts (7).
    """

    draws: list[Draw]
    layout: Layout
    attributes: Array
    labels: list[tuple[str, int]]
    crossed: Ints
    basis: Array
    power: float
    counts: LogScale


def in_points(kept: Kept, step: float) -> Kept:
    """Turn weights that predict ratings in steps of the scale into those that predict ratings.

    What predictions are a sum of, a user's weights and the titles' biases, is multiplied by
    ``step``. Titles' embeddings stay: they are multiplied by a user's weights.
    """
    bias = np.ones(kept.draws[0].items.shape[1], np.float32)
    bias[kept.layout.embedding :] = step
    draws = [
        Draw(
            users=draw.users * draw.users.dtype.type(step),
            items=draw.items * bias.astype(draw.items.dtype),
            map=draw.map * bias,
            user_map=draw.user_map * np.float32(step),
            precision=draw.precision / np.float32(step**2),
            noise=draw.noise / np.float32(step**2),
            cuts=draw.cuts * np.float32(step),
            intercept=np.asarray(draw.intercept * np.float32(step)),
        )
        for draw in kept.draws
    ]
    return kept._replace(draws=draws)


def save_draws(kept: Kept, path: Path, **more: Any) -> None:
    """Write the kept draws, and more arrays by name, to one .npz file."""
    fields: dict[str, Any] = {
        f"{i}/{name}": array
        for i, draw in enumerate(kept.draws)
        for name, array in draw._asdict().items()
    }
    shared: dict[str, Any] = {
        "layout": np.array(kept.layout),
        "attributes": kept.attributes,
        "names": np.array([name for name, _ in kept.labels], str),
        "codes": np.array([code for _, code in kept.labels], np.int64),
        "crossed": kept.crossed,
        "basis": kept.basis,
        "power": np.array(kept.power),
        "counts": np.array(kept.counts),
    }
    np.savez(path, **shared, **more, **fields)


def load_draws(path: Path) -> tuple[Kept, dict[str, Array]]:
    """Read the file that ``save_draws`` wrote: the kept draws, and all its arrays by name."""
    with np.load(path) as file:
        arrays = dict(file)
    number = sum(name.endswith("/users") for name in arrays)
    embedding, wide = arrays["layout"].tolist()
    kept = Kept(
        draws=[Draw(*(arrays[f"{i}/{name}"] for name in Draw._fields)) for i in range(number)],
        layout=Layout(embedding, bool(wide)),
        attributes=arrays["attributes"],
        labels=list(zip(arrays["names"].tolist(), arrays["codes"].tolist(), strict=True)),
        crossed=arrays["crossed"],
        basis=arrays["basis"],
        power=float(arrays["power"]),
        counts=LogScale(*arrays["counts"].tolist()),
    )
    return kept, arrays
