"""Compare predictions of the test rows: ``python -m benchmarks.score FEATURES FILE.npy…``.

Prints figures per file as JSON. The first two files are our model and our network alone; their
differences from the others are paired, on the same rows and in the same resamples of users.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.evaluation.metrics import Bootstrap

BOOTSTRAP = Bootstrap(resamples=2000, seed=0)
FEW = 5  # most ratings in train and valid of a user with a short history
Floats = NDArray[np.float64]


def figures(squared: Floats, ours: Floats, network: Floats, user: Any, few: Any) -> dict[str, Any]:
    """Return the MSE of one contender and its differences from ours, with 95 % intervals.

    Args:
        squared, ours, network: squared errors of the contender, of our model and of our network
            alone on the same rows [n].
        user: user of each row [n]; the bootstrap draws whole users.
        few: rows of users with short histories: bool [n].
    """
    return {
        "mse": float(squared.mean()),
        "ci95": BOOTSTRAP.mean(squared, user),
        "difference": float((ours - squared).mean()),
        "difference_ci95": BOOTSTRAP.mean(ours - squared, user),
        "network_difference": float((network - squared).mean()),
        "network_difference_ci95": BOOTSTRAP.mean(network - squared, user),
        "few_mse": float(squared[few].mean()) if few.any() else None,
    }


def hardly_known(features: Path, user: Any) -> Any:
    """Whether the user of each test row has at most FEW ratings in train and valid."""
    seen = np.zeros(pq.read_metadata(features / "users.parquet").num_rows, int)
    for part in ("train", "valid"):
        column = pq.read_table(features / f"{part}.parquet", columns=["user"])["user"]
        counts = pc.value_counts(column)
        seen[counts.field("values").to_numpy()] += counts.field("counts").to_numpy()
    return seen[user] <= FEW


def score(features: Path, files: list[Path]) -> dict[str, Any]:
    """Return the numbers of test rows, in all and with short histories, and all figures."""
    test = pq.read_table(features / "test.parquet")
    user, rating = test["user"].to_numpy(), test["rating"].to_numpy()
    few = hardly_known(features, user)
    squared = {file.stem: (np.load(file) - rating) ** 2 for file in files}
    ours, network = (squared[file.stem] for file in files[:2])
    return {
        "n": len(rating),
        "few_n": int(few.sum()),
        "n_known": sum(
            pq.read_metadata(features / f"{part}.parquet").num_rows for part in ("train", "valid")
        ),
        "contenders": {name: figures(of, ours, network, user, few) for name, of in squared.items()},
    }


if __name__ == "__main__":
    features, *files = map(Path, sys.argv[1:])
    print(json.dumps(score(features, files)))
