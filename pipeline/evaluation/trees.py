"""Boosted trees on the features of the model: a baseline, and what probes look for leaks with."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from pipeline.arrays import Array, Floats, indicators
from pipeline.tables.entities import Entities

TREES = {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 31, "early_stopping": False}
MOST_CODES = 255  # that scikit-learn's trees can tell apart


def inputs(rows: dict[str, Array], users: Entities, items: Entities) -> tuple[Array, list[int]]:
    """Lay the features of the model out as columns for trees.

    Args:
        rows: as ``read_rows`` gives them [n].
        users, items: what is known of both sides.

    Returns:
        float32 [n, k], with NaN for the mean of no ratings; which of the columns are codes.
    """
    columns: list[Array] = []
    for name in ("user", "item"):
        count = rows[f"{name}_count"].astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            columns += [rows[f"{name}_sum"] / count, count]
    numbers = [users.numbers[rows["user"]], items.numbers[rows["item"]]]
    genres = indicators(items.codes["genres"], items.words["genres"])
    codes = np.concatenate([items.codes[name] for name in ("type", "source")], 1)
    codes = np.minimum(codes, MOST_CODES - 1)[rows["item"]]
    parts = [np.stack(columns, 1), *numbers, genres[rows["item"]], codes]
    table = np.concatenate(parts, 1, dtype=np.float32)
    return table, [table.shape[1] - 2, table.shape[1] - 1]


def trees(train: Array, rating: Floats, codes: list[int]) -> HistGradientBoostingRegressor:
    """Fit scikit-learn's gradient-boosted trees on what ``inputs`` returns."""
    model = HistGradientBoostingRegressor(**TREES, categorical_features=codes, random_state=0)
    return model.fit(train, rating)
