"""The training data of the chains of one worker."""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, Ints
from pipeline.artifact.formulas import LogScale
from pipeline.model.inputs.attributes import Description, attributes, describe
from pipeline.model.inputs.history import histories
from pipeline.model.posterior.padded import Padded, padded
from pipeline.model.posterior.titles import Titles
from pipeline.model.shard import Shard
from pipeline.model.workers import Workers
from pipeline.settings.sections import Posterior

POWER = 0.3  # of the number of ratings by which histories (5) are divided


class Ratings(NamedTuple):
    """Training data of a chain, those of one worker.

    Attributes:
        shard: its rows.
        by_user: the ratings grouped by user.
        by_item: what they say of titles.
        users: inputs of the prior mean of its users.
        items: inputs of the prior mean of its part of the titles.
        cold: those of titles without training ratings that its validation rows have.
        crosses: what users have cross weights for, of titles with ratings, then of ``cold``:
            float32 [titles, crosses].
        attributes, labels, crossed, basis: see ``pipeline.artifact.draws.Kept``.
    """

    shard: Shard
    by_user: list[Padded]
    by_item: Titles
    users: Description
    items: Description
    cold: Array
    crosses: Array
    attributes: Array
    labels: list[tuple[str, int]]
    crossed: Ints
    basis: Array


def condition(settings: Posterior, shard: Shard, seed: int, workers: Workers) -> Ratings:
    """Collect the training data that all chains of a worker share.

    Args:
        settings: settings of the posterior.
        shard: the rows of the worker.
        seed: random seed of the principal components.
        workers: the workers.
    """
    columns, labels = attributes(settings.attributes, shard.items, shard.item_counts)
    history = histories(shard, settings.history_components, POWER, seed, workers)
    crossed = [i for i, (name, _) in enumerate(labels) if name in settings.crosses]
    counts = LogScale.fit(shard.user_counts)(shard.user_counts)[:, None]
    users, (start, end, trained) = shard.users, shard.titles
    cold, unrated = shard.cold, np.zeros((len(shard.cold), history.titles.shape[1]), np.float32)
    return Ratings(
        shard=shard,
        by_user=padded(shard.user, shard.item),
        by_item=Titles(shard, settings.embedding + 1, workers),
        users=describe([history.users, counts[users.start : users.end]]),
        items=describe([history.titles[start:end], columns[start:end]]),
        cold=describe([unrated, columns[cold]]).columns,
        crosses=np.concatenate([columns[:trained], columns[cold]])[:, crossed],
        attributes=columns,
        labels=labels,
        crossed=np.array(crossed, np.int64),
        basis=history.basis,
    )
