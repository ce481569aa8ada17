"""What the network knows of users and titles beside their ratings: who rated what, attributes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, Ints
from pipeline.artifact.formulas import LogScale
from pipeline.model.inputs.attributes import attributes
from pipeline.model.inputs.history import histories
from pipeline.model.shard import Part, Shard
from pipeline.model.workers import Workers
from pipeline.settings.sections import Model

POWER = 0.5  # of the number of ratings by which histories (6) are divided, as in SVD++


class Inputs(NamedTuple):
    """Users, or titles, and the inputs of a linear map to their vectors.

    Attributes:
        part: those with weights of their own: a worker's users, or all titles with training
            ratings; row 0 of all stands for any other.
        counts: training ratings of each of these: integers [n].
        columns: history, then attributes: float32 [n or all titles, columns].
        sizes: number of columns of the history and of each attribute.
    """

    part: Part
    counts: Ints
    columns: Array
    sizes: list[int]


@dataclass(frozen=True)
class Knowledge:
    """What the network of a worker knows.

    Attributes:
        users, items: its users, and all titles; without history if there is no deep part.
        scale: of the users' log-counts.
        attributes, labels, basis: see ``pipeline.artifact.draws.Kept``.
    """

    users: Inputs
    items: Inputs
    scale: LogScale
    attributes: Array
    labels: list[tuple[str, int]]
    basis: Array

    def columns(self, names: list[str]) -> Ints:
        """Return the columns of ``attributes`` that belong to some attributes: int64 [m]."""
        chosen = [i for i, (name, _) in enumerate(self.labels) if name in names]
        return np.array(chosen, np.int64)

    def crossed(self, names: list[str]) -> Array:
        """Return the columns of some attributes: float32 [titles, m]."""
        return self.attributes[:, self.columns(names)]


def know(settings: Model, shard: Shard, seed: int, workers: Workers) -> Knowledge:
    """Collect the inputs from the training rows of a worker and the item table.

    Args:
        settings: settings of the network.
        shard: the rows of the worker.
        seed: random seed of the principal components.
        workers: the workers.
    """
    wide, deep = settings.wide, settings.deep
    names = [*(deep.attributes if deep else []), *(wide.crosses if wide else [])]
    columns, labels = attributes([*dict.fromkeys(names)], shard.items, shard.item_counts)
    most, trained = deep.history_components if deep else 0, shard.titles.total
    history = histories(shard, most, POWER, seed, workers)
    titles = history.titles / _length(history.titles, trained)
    length = _length(history.users, shard.users.total, workers)
    unrated = np.zeros((len(columns) - trained, titles.shape[1]), np.float32)
    owner = np.array([name for name, _ in labels], str)
    described = [columns[:, owner == name] for name in (deep.attributes if deep else [])]
    scale, counts = LogScale.fit(shard.user_counts), shard.user_counts[slice(*shard.users[:2])]
    all_titles = Part(0, trained, trained)
    return Knowledge(
        users=_inputs(shard.users, counts, [history.users / length, scale(counts)[:, None]]),
        items=_inputs(
            all_titles,
            shard.item_counts[:trained],
            [np.concatenate([titles, unrated]), *described],
        ),
        scale=scale,
        attributes=columns,
        labels=labels,
        basis=history.basis / length,
    )


def _length(rows: Array, number: int, workers: Workers | None = None) -> np.float32:
    """Return the root mean square length of histories, so that one learning rate suits all data.

    Args:
        rows: those of all, or of one worker: float32 [n, columns].
        number: how many there are of all.
        workers: if the rows are of one worker.
    """
    squares = np.sum(rows**2, dtype=np.float64)
    squares = workers.total(squares) if workers else squares
    return np.float32(np.sqrt(squares / number) or 1.0)


def _inputs(part: Part, counts: Ints, groups: list[Array]) -> Inputs:
    """Join groups of columns [rows, …]; empty groups are left out."""
    sizes = [group.shape[1] for group in groups if group.shape[1]]
    return Inputs(part, counts, np.concatenate(groups, 1), sizes)
