"""What evaluate finds out that does not depend on the model: leaks, and the baselines' predictions.

The jobs of a sweep that share tables, and a process, share this too.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.arrays import Array
from pipeline.evaluation import baselines, leaks
from pipeline.evaluation.baselines import Biases, Pairs
from pipeline.evaluation.metrics import Bootstrap, Floats
from pipeline.evaluation.trees import inputs, trees
from pipeline.tables.entities import Entities, read_items, read_users
from pipeline.tables.rows import read_rows


class Peers(NamedTuple):
    """Baselines on the same split.

    Attributes:
        leaks: what ``leaks.probe`` found.
        pairs: what is known before the test.
        fit: its biases.
        predictions: by name, which test rows [n] were predicted, and the predictions of these [m].
    """

    leaks: dict[str, Any]
    pairs: Pairs
    fit: Biases
    predictions: dict[str, tuple[Array, Floats]]


@lru_cache(maxsize=2)
def peers(features: Path, scale: tuple[int, int], bootstrap: Bootstrap, sample: int) -> Peers:
    """Look for leaks, then fit the baselines.

    Args:
        features: folder of the feature tables, whose contents do not change.
        scale: lowest and highest rating.
        bootstrap: for the intervals; its seed is that of other draws too.
        sample: how many ratings the slower baselines learn from at most, more or less.

    Raises:
        UserError: something that is known of the rows knows their ratings.
    """
    users, items = read_users(features / "users.parquet"), read_items(features / "items.parquet")
    known = leaks.probe(features, users, items, bootstrap)
    rows, rating = read_rows(features, "test")
    pairs = baselines.read_pairs(features)
    fit = baselines.biases(pairs)
    every = np.ones(len(rating), bool)
    share = sample / len(pairs.rating)
    taken = np.random.default_rng(bootstrap.seed).random(len(users.numbers)) < share
    found = {
        "global_mean": (every, np.full(len(rating), fit.mean)),
        "user_item_bias": (every, fit.predict(rows["user"], rows["item"])),
    }
    tested = taken[rows["user"]]
    for name, values in _slower(features, users, items, pairs, fit, rows, taken).items():
        found[name] = tested, values
    clipped = {name: (there, np.clip(values, *scale)) for name, (there, values) in found.items()}
    return Peers(known, pairs, fit, clipped)


def _slower(
    features: Path,
    users: Entities,
    items: Entities,
    pairs: Pairs,
    fit: Biases,
    rows: dict[str, Array],
    taken: Array,
) -> dict[str, Floats]:
    """Fit the baselines that take time on the users who are ``taken``; predict their test rows."""
    tested, learned = taken[rows["user"]], taken[pairs.user]
    some = Pairs(pairs.user[learned], pairs.item[learned], pairs.rating[learned])
    asked = {name: column[tested] for name, column in rows.items()}
    train, rating = read_rows(features, "train")
    there = taken[train["user"]]
    columns, codes = inputs({name: c[there] for name, c in train.items()}, users, items)
    return {
        "item_neighbours": baselines.neighbours(some, fit, asked["user"], asked["item"]),
        "matrix_factorisation": baselines.factorisation(some, asked["user"], asked["item"]),
        "boosted_trees": trees(columns, rating[there], codes).predict(
            inputs(asked, users, items)[0]
        ),
    }
