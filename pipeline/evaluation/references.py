"""What evaluate finds that does not depend on the model: leaks, and the baselines' predictions.

The jobs of a sweep that share tables and a process share this too.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.arrays import Array, Floats
from pipeline.evaluation import baselines, leaks
from pipeline.evaluation.baselines import Biases, Pairs
from pipeline.evaluation.metrics import Bootstrap
from pipeline.evaluation.trees import inputs, trees
from pipeline.tables.rows import Tables, read_tables


class References(NamedTuple):
    """What a model is compared with, on the same split.

    Attributes:
        leaks: what ``leaks.probe`` found.
        pairs: the ratings before the test.
        biases: fitted to these.
        predictions: by name, which test rows [n] a baseline predicts, and these predictions [m].
    """

    leaks: dict[str, Any]
    pairs: Pairs
    biases: Biases
    predictions: dict[str, tuple[Array, Floats]]


@lru_cache(maxsize=2)
def references(
    features: Path, scale: tuple[int, int], bootstrap: Bootstrap, max_ratings: int
) -> References:
    """Look for leaks, then fit the baselines.

    Args:
        features: folder of the feature tables, whose contents do not change.
        scale: lowest and highest rating.
        bootstrap: for the intervals; its seed is that of other draws too.
        max_ratings: about how many ratings the slower baselines learn from at most.

    Raises:
        UserError: an input of the model contains ratings that it must not.
    """
    tables = read_tables(features)
    found = leaks.probe(tables, bootstrap)
    rows, rating = tables.rows("test")
    pairs = baselines.pairs_before_test(tables)
    biases = baselines.biases(pairs)
    every = np.ones(len(rating), bool)
    share = max_ratings / len(pairs.rating)
    chosen = np.random.default_rng(bootstrap.seed).random(len(tables.users.numbers)) < share
    predictions = {
        "global_mean": (every, np.full(len(rating), biases.mean)),
        "user_item_bias": (every, biases.predict(rows["user"], rows["item"])),
    }
    tested = chosen[rows["user"]]
    for name, values in _slower(tables, pairs, biases, chosen).items():
        predictions[name] = tested, values
    clipped = {n: (there, np.clip(values, *scale)) for n, (there, values) in predictions.items()}
    return References(found, pairs, biases, clipped)


def _slower(tables: Tables, pairs: Pairs, biases: Biases, chosen: Array) -> dict[str, Floats]:
    """Fit the baselines that take time to the ``chosen`` users; predict their test rows."""
    learned = chosen[pairs.user]
    some = Pairs(pairs.user[learned], pairs.item[learned], pairs.rating[learned])
    rows, _ = tables.rows("test")
    tested = chosen[rows["user"]]
    asked = {name: column[tested] for name, column in rows.items()}
    train, rating = tables.rows("train")
    there = chosen[train["user"]]
    train = {name: column[there] for name, column in train.items()}
    columns, codes = inputs(train, tables.users, tables.items)
    fitted = trees(columns, rating[there], codes)
    return {
        "item_neighbours": baselines.neighbours(some, biases, asked["user"], asked["item"]),
        "matrix_factorisation": baselines.factorisation(some, asked["user"], asked["item"]),
        "boosted_trees": fitted.predict(inputs(asked, tables.users, tables.items)[0]),
    }
