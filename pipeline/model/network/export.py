"""The network as plain arrays, all that is known of a title multiplied out: see recommender."""

from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.model.network.wide_deep import WideDeep


def arrays(
    model: WideDeep, item_sum: np.ndarray, item_count: np.ndarray, user_count: np.ndarray
) -> dict[str, Any]:
    """Return what ``recommender.network.Network`` reads.

    Args:
        model: the trained network.
        item_sum, item_count: training ratings of each title: int32 [titles].
        user_count: training ratings of each user: int32 [users].

    Returns:
        Arrays by name. ``counts`` is what ``describe.standardised`` does to those of users.
        ``hidden`` is what each title brings to the first ReLU layer: float32
        [titles, units].
    """
    logs = np.log1p(user_count[user_count > 0])
    found: dict[str, Any] = {
        "scale": model.scale.numpy(),
        "counts": np.array([logs.mean(), logs.std() or 1.0]),
    }
    if wide := model.wide:
        found |= {
            "user_bias": wide.user_bias.embeddings.numpy()[:, 0],
            "item_bias": wide.item_bias.embeddings.numpy()[:, 0],
            "cross": wide.cross.embeddings.numpy()[:, 0],
            "codes": wide.codes,
            "shares": wide.shares,
            "salts": wide.salts,
        }
    if deep := model.deep:
        layers = [layer for layer in deep.hidden.layers if layer.get_weights()] + [deep.out]
        for number, layer in enumerate(layers):
            found[f"kernel{number}"], found[f"bias{number}"] = layer.get_weights()
        row = np.arange(len(item_sum), dtype=np.int32)
        nobody = {"user": 0 * row, "user_sum": 0 * row, "user_count": 0 * row}
        rows = nobody | {"item": row, "item_sum": item_sum, "item_count": item_count}
        inputs = deep.inputs(
            tf.zeros_like(row),
            tf.where(row <= model.items.known, row, 0),
            (nobody["user"], row),
            model.histories(rows),
        ).numpy()
        own = np.zeros(inputs.shape[1], bool)  # the columns that are of the user
        width = deep.user.embeddings.shape[1]
        numbers = inputs.shape[1] - 4 - model.items.numbers.shape[1]
        own[:width] = True
        own[numbers - model.users.numbers.shape[1] : numbers] = True
        own[-4:-2] = True
        found |= {
            "hidden": inputs[:, ~own] @ found["kernel0"][~own],
            "own": own,
            "user": deep.user.embeddings.numpy(),
            "numbers": model.users.numbers,
        }
    return found
