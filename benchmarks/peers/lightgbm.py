"""LightGBM: boosted trees on the attributes and histories of a user and a title."""

from collections.abc import Callable

import lightgbm
import numpy as np
import pandas as pd

from benchmarks.peers.rows import Array, Rows, histories

ROUNDS = 300  # twice as many and larger trees changed the validation MSE by .002
SETTINGS = {
    "objective": "regression", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 50,
    "feature_fraction": 0.8, "bagging_fraction": 0.8, "bagging_freq": 1, "verbose": -1, "seed": 0,
}  # fmt: skip
NUMBERS = {"users": ("completed", "plan_to_watch"), "items": ("episodes", "year")}


def attributes(rows: Rows, user: Array, item: Array) -> pd.DataFrame:
    """Return the attributes of each row's user and title, genres as indicators."""
    genres = rows.items["genres"].to_pylist()
    flags = np.zeros((len(genres), max(max(of) for of in genres) + 1), bool)
    for row, of in enumerate(genres):
        flags[row, of] = True
    frame = pd.DataFrame({f"genre_{i}": column[item] for i, column in enumerate(flags.T)})
    for table, index in (("users", user), ("items", item)):
        for name in NUMBERS[table]:
            frame[name] = getattr(rows, table)[name].to_numpy()[index]
    for name in ("type", "source"):
        frame[name] = pd.Categorical(rows.items[name].to_numpy()[item])
    return frame


def fit(rows: Rows) -> Callable[[], Array]:
    """Fit a fixed number of trees."""
    before, after = histories(rows)
    known = attributes(rows, rows.user, rows.item).join(before)
    trees = lightgbm.train(SETTINGS, lightgbm.Dataset(known, rows.rating), ROUNDS)
    test = attributes(rows, rows.test_user, rows.test_item).join(after)
    return lambda: trees.predict(test)


PEERS = {
    "trees": fit,
}
