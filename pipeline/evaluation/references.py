"""The part of evaluate that does not depend on the model: leak probes, baselines and rivals.

Jobs of a sweep that run in one process on the same tables share it by a cache.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.scale import Scale
from pipeline.evaluation import baselines, leaks, rivals
from pipeline.evaluation.baselines import Biases, Pairs
from pipeline.evaluation.lists import Score, on_lists
from pipeline.evaluation.metrics import Bootstrap
from pipeline.evaluation.trees import fit_trees, inputs
from pipeline.tables.rows import Tables, read_tables


class References(NamedTuple):
    """What a model is compared with on the same split.

    Attributes:
        leaks: results of ``leaks.probe``.
        predictions: by name of the baseline, a mask of the test rows it predicts (bool [n]) and
            its predictions of these [m].
        listed: 1 where a user rated or watched a title before the test: int32 [users, titles].
        history: number of training ratings of each user [users].
        scores: what other lists than the model's are ordered by, by name.
    """

    leaks: dict[str, Any]
    predictions: dict[str, tuple[Array, Floats]]
    listed: sparse.csr_array
    history: Ints
    scores: dict[str, Score]


@lru_cache(maxsize=2)
def references(features: Path, scale: Scale, bootstrap: Bootstrap, max_ratings: int) -> References:
    """Run the leak probes, then fit the baselines and the rivals.

    Args:
        features: folder of the feature tables; as it is a cache key, its contents must not change.
        scale: the scale of the ratings.
        bootstrap: for the intervals; its seed also draws the sample of users.
        max_ratings: approximate limit on the ratings that the slower of them learn from.

    Raises:
        UserError: a probe found a leak.
    """
    tables = read_tables(features)
    probed = leaks.probe(tables, bootstrap)
    rows, rating = tables.rows("test")
    pairs = baselines.pairs_before_test(tables)
    biases = baselines.biases(pairs)
    all_rows = np.ones(len(rating), bool)
    share = max_ratings / len(pairs.rating)
    sampled = np.random.default_rng(bootstrap.seed).random(len(tables.users.numbers)) < share
    predictions = {
        "global_mean": (all_rows, np.full(len(rating), biases.mean)),
        "user_item_bias": (all_rows, biases.predict(rows["user"], rows["item"])),
    }
    of_sampled = sampled[rows["user"]]
    for name, values in _slower(tables, pairs, biases, sampled, scale.step).items():
        predictions[name] = of_sampled, values
    clipped = {n: (mask, scale.clip(values)) for n, (mask, values) in predictions.items()}
    user, item = (
        np.concatenate(both) for both in zip((pairs.user, pairs.item), tables.watched, strict=True)
    )
    listed = on_lists(user, item, (len(tables.users.numbers), len(tables.items.numbers)))
    scores = rivals.fit(listed, sampled, biases)
    return References(probed, clipped, listed, tables.sums["user_count"], scores)


def _slower(
    tables: Tables, pairs: Pairs, biases: Biases, sampled: Array, step: float
) -> dict[str, Floats]:
    """Fit the slower baselines to the ratings of sampled users, and predict their test rows.

    Args:
        tables: the feature tables.
        pairs: the ratings before the test.
        biases: fitted to all of ``pairs``.
        sampled: mask of the user table, bool [users].
        step: distance between two grades: in steps, gradient descent converges on every scale.
    """
    mask = sampled[pairs.user]
    learned = Pairs(pairs.user[mask], pairs.item[mask], pairs.rating[mask])
    test, _ = tables.rows("test")
    mask = sampled[test["user"]]
    test = {name: column[mask] for name, column in test.items()}
    train, rating = tables.rows("train")
    mask = sampled[train["user"]]
    train = {name: column[mask] for name, column in train.items()}
    columns, codes = inputs(train, tables.users, tables.items)
    trees = fit_trees(columns, rating[mask], codes)
    in_steps = learned._replace(rating=learned.rating / np.float32(step))
    factors = baselines.factorisation(in_steps, test["user"], test["item"])
    return {
        "item_neighbours": baselines.neighbours(learned, biases, test["user"], test["item"]),
        "matrix_factorisation": step * factors,
        "boosted_trees": trees.predict(inputs(test, tables.users, tables.items)[0]),
    }
