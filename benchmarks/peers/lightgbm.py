"""LightGBM: trees on what the feature tables tell of a user and a title."""

from collections.abc import Callable

import lightgbm
import numpy as np
import pandas as pd

from benchmarks.peers.rows import Array, Rows

ROUNDS = 300  # with 63 leaves and 600, or 127 and 1,000, the valid rows were predicted no better
SETTINGS = {
    "objective": "regression", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 50,
    "feature_fraction": 0.8, "bagging_fraction": 0.8, "bagging_freq": 1, "verbose": -1, "seed": 0,
}  # fmt: skip
NUMBERS = {"users": ("completed", "plan_to_watch"), "items": ("episodes", "year")}


def histories(rows: Rows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return mean and number of the earlier ratings of each row's user and title.

    For a row to learn from, earlier is in a random order, so it never knows its own rating
    (CatBoost's ordered target statistics); for a test row it is all.
    """
    seen = pd.DataFrame({"user": rows.user, "item": rows.item, "rating": rows.rating})
    test = pd.DataFrame({"user": rows.test_user, "item": rows.test_item})
    order = seen.sample(frac=1, random_state=0)
    before, after = pd.DataFrame(index=seen.index), pd.DataFrame(index=test.index)
    for name in ("user", "item"):
        ratings = order.groupby(name)["rating"]
        number = ratings.cumcount()
        before[f"{name}_count"] = number
        before[f"{name}_mean"] = (ratings.cumsum() - order["rating"]) / number  # NaN without any
        totals = ratings.agg(["count", "mean"]).reindex(test[name])
        after[f"{name}_count"] = totals["count"].fillna(0).to_numpy()
        after[f"{name}_mean"] = totals["mean"].to_numpy()
    return before, after


def attributes(rows: Rows, user: Array, item: Array) -> pd.DataFrame:
    """Gather the attributes of users and titles, genres as indicators."""
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
