"""Gradient-boosted trees on rating histories and attributes: a baseline, and a leak probe."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from pipeline.arrays import Array, Floats, indicators
from pipeline.tables.entities import Entities

TREES = {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 31, "early_stopping": False}
MAX_CATEGORIES = 255  # limit of scikit-learn's histogram trees; rarer values share the last one


def inputs(rows: dict[str, Array], users: Entities, items: Entities) -> tuple[Array, list[int]]:
    """Return histories and attributes as one matrix.

    Args:
        rows: columns of ratings [n], as ``read_rows`` returns them.
        users, items: the user and item tables.

    Returns:
        float32 [n, k], NaN where a user or title has no mean rating; indices of the categorical
        columns.
    """
    columns: list[Array] = []
    for name in ("user", "item"):
        count = rows[f"{name}_count"].astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            columns += [rows[f"{name}_sum"] / count, count]
    numbers = [users.numbers[rows["user"]], items.numbers[rows["item"]]]
    genres = indicators(items.codes["genres"], items.words["genres"])
    codes = np.concatenate([items.codes[name] for name in ("type", "source")], 1)
    codes = np.minimum(codes, MAX_CATEGORIES - 1)[rows["item"]]
    parts = [np.stack(columns, 1), *numbers, genres[rows["item"]], codes]
    table = np.concatenate(parts, 1, dtype=np.float32)
    return table, [table.shape[1] - 2, table.shape[1] - 1]


def fit_trees(columns: Array, rating: Floats, codes: list[int]) -> HistGradientBoostingRegressor:
    """Fit scikit-learn's gradient-boosted trees to ratings [n].

    Args:
        columns, codes: features [n, k] and indices of the categorical ones, from ``inputs``.
        rating: ratings [n].
    """
    empty = np.isnan(columns).all(0)  # scikit-learn fails at a column without a value
    if empty.any():
        columns = np.where(empty, 0, columns)
    model = HistGradientBoostingRegressor(**TREES, categorical_features=codes, random_state=0)
    return model.fit(columns, rating)
