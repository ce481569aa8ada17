"""What the network knows of users and titles beside their ratings: who rated what, attributes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, Ints
from pipeline.artifact.formulas import LogScale
from pipeline.model.inputs.attributes import attributes
from pipeline.model.inputs.history import History, components
from pipeline.settings.sections import Model
from pipeline.tables.entities import Entities
from pipeline.tables.rows import Pairs

POWER = 0.5  # of the number of ratings by which histories (6) are divided, as in SVD++


class Inputs(NamedTuple):
    """Inputs of a linear map to the vectors of all users, or of all titles.

    Attributes:
        columns: history, then attributes: float32 [rows, n].
        sizes: number of columns of the history and of each attribute.
    """

    columns: Array
    sizes: list[int]


@dataclass(frozen=True)
class Knowledge:
    """The inputs of the network, by row of the user table and of the item table.

    Attributes:
        user_counts, item_counts: training ratings of each trained user and title, row 0 any
            other: integers [n + 1].
        users, items: inputs of the vectors; without history if there is no deep part.
        attributes, labels, basis: see ``pipeline.artifact.draws.Kept``.
    """

    user_counts: Ints
    item_counts: Ints
    users: Inputs
    items: Inputs
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


def know(
    settings: Model, user: Ints, item: Ints, listed: Pairs, titles: Entities, seed: int
) -> Knowledge:
    """Collect the inputs from the training rows and the item table.

    Args:
        settings: settings of the network.
        user, item: the training rows: int32 [n].
        listed: user and item of the training rows and of what is watched without a rating.
        titles: the item table.
        seed: random seed of the principal components.
    """
    shape = int(user.max()) + 1, titles.n_trained + 1
    counts = np.bincount(user, minlength=shape[0]), np.bincount(item, minlength=shape[1])
    n_titles = len(titles.numbers)
    wide, deep = settings.wide, settings.deep
    names = [*(deep.attributes if deep else []), *(wide.crosses if wide else [])]
    columns, labels = attributes(
        [*dict.fromkeys(names)], titles, np.bincount(item, minlength=n_titles)
    )
    most = deep.history_components if deep else 0
    of_users = _scaled(components(*listed, shape, most, POWER, seed))
    of_items = _scaled(components(*listed[::-1], shape[::-1], most, POWER, seed)).columns
    unrated = np.zeros((n_titles - shape[1], of_items.shape[1]), np.float32)
    scale, owner = LogScale.fit(counts[0]), np.array([name for name, _ in labels], str)
    described = [columns[:, owner == name] for name in (deep.attributes if deep else [])]
    return Knowledge(
        *counts,
        users=_inputs([of_users.columns, scale(counts[0])[:, None]]),
        items=_inputs([np.concatenate([of_items, unrated]), *described]),
        attributes=columns,
        labels=labels,
        basis=of_users.basis,
    )


def _scaled(history: History) -> History:
    """Scale histories to a mean square length of 1, so that one learning rate suits all data."""
    length = float(np.sqrt((history.columns**2).sum(1).mean())) or 1.0
    return History(history.columns / length, history.basis / length)


def _inputs(groups: list[Array]) -> Inputs:
    """Join groups of columns [rows, …]; empty groups are left out."""
    present = [group for group in groups if group.shape[1]]
    return Inputs(np.concatenate(groups, 1), [group.shape[1] for group in present])
