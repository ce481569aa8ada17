"""The rows of the feature tables, in the form that every peer gets."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Array = NDArray[Any]
Fit = Callable[["Rows"], Callable[[], Array]]  # fits, and returns a predictor of the test rows


@dataclass(frozen=True)
class Rows:
    """The rows that a peer may learn from, and the pairs that it must predict.

    Attributes:
        user, item, rating: the training rows, then the validation rows, which our model does not
            learn from; a peer that stops early holds out some. User and item are rows of the
            tables.
        test_user, test_item: the pairs to predict.
        users, items: the tables. Their sums and counts are of the training rows alone, so no peer
            uses them.
    """

    user: Array
    item: Array
    rating: Array
    test_user: Array
    test_item: Array
    users: pa.Table
    items: pa.Table


def read(features: Path) -> Rows:
    """Read the tables of the stage features, without the test ratings."""
    seen = pa.concat_tables(
        pq.read_table(features / f"{part}.parquet", columns=["user", "item", "rating"])
        for part in ("train", "valid")
    )
    test = pq.read_table(features / "test.parquet", columns=["user", "item"])
    return Rows(
        user=seen["user"].to_numpy(),
        item=seen["item"].to_numpy(),
        rating=seen["rating"].to_numpy().astype(np.float64),
        test_user=test["user"].to_numpy(),
        test_item=test["item"].to_numpy(),
        users=pq.read_table(features / "users.parquet"),
        items=pq.read_table(features / "items.parquet"),
    )


def histories(rows: Rows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return mean and number of the ratings in the histories of each row's user and title.

    The history of a row to learn from holds the ratings before it in a random order, never its own
    (CatBoost's ordered target statistics); that of a test row holds all.
    """
    seen = pd.DataFrame({"user": rows.user, "item": rows.item, "rating": rows.rating})
    test = pd.DataFrame({"user": rows.test_user, "item": rows.test_item})
    order = seen.sample(frac=1, random_state=0)
    before, after = pd.DataFrame(index=seen.index), pd.DataFrame(index=test.index)
    for name in ("user", "item"):
        ratings = order.groupby(name)["rating"]
        number = ratings.cumcount()
        before[f"{name}_count"] = number
        before[f"{name}_mean"] = (
            ratings.cumsum() - order["rating"]
        ) / number  # NaN for an empty history
        totals = ratings.agg(["count", "mean"]).reindex(test[name])
        after[f"{name}_count"] = totals["count"].fillna(0).to_numpy()
        after[f"{name}_mean"] = totals["mean"].to_numpy()
    return before, after
