"""The rows of the feature tables, as every peer gets them."""

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
Fit = Callable[["Rows"], Callable[[], Array]]  # fits; what it returns predicts the test rows


@dataclass(frozen=True)
class Rows:
    """What a peer may learn from, and the pairs it is to predict.

    The first three are the train rows and below them the valid rows, which our model does not learn
    from; a peer that stops early holds out some. ``user`` and ``item`` are rows of
    ``users`` and ``items``. The sums and counts in those tables are of the train rows alone, so no
    peer uses them.
    """

    user: Array
    item: Array
    rating: Array
    test_user: Array
    test_item: Array
    users: pa.Table
    items: pa.Table


def read(features: Path) -> Rows:
    """Read a folder that the stage features wrote; the test ratings stay where they are."""
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
