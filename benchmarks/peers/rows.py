"""The rows of the feature tables, as every peer gets them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Array = NDArray[Any]
Fit = Callable[["Rows"], Callable[[], Array]]  # fits; what it returns predicts the test rows


@dataclass(frozen=True)
class Rows:
    """What a peer may learn from, and the pairs it is to predict.

    The first three are the train and valid rows together: a peer chooses nothing by validation, and
    our model is fitted on both in the end too. ``user`` and ``item`` are rows of ``users`` and
    ``items``; the numbers of ratings in those tables are of the train rows alone, so no peer uses
    them.
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
