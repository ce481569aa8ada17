"""The network as plain arrays for ``pipeline.recommender.network``, and back from its weights."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf
from omegaconf import OmegaConf

from pipeline.arrays import Ints
from pipeline.artifact.folder import WEIGHTS, read_settings
from pipeline.artifact.formulas import LogScale
from pipeline.model.network.deep import DeepPart
from pipeline.model.network.wide import WidePart
from pipeline.model.network.wide_deep import WideDeep
from pipeline.settings.sections import Model
from pipeline.tables.entities import read_items, read_users


def arrays(model: WideDeep, item_sum: Ints, item_count: Ints, user_count: Ints) -> dict[str, Any]:
    """Return the network as arrays, by name.

    Args:
        model: the trained network.
        item_sum, item_count: training ratings of each title: int32 [titles].
        user_count: training ratings of each user: int32 [users].

    Returns:
        ``scale`` and ``counts``: mean and deviation of ratings and of log counts; ``n_trained``
        titles; and what ``_wide`` and ``_deep`` return of the parts that there are.
    """
    found: dict[str, Any] = {
        "scale": model.scale.numpy(),
        "counts": np.array(LogScale.fit(user_count)),
        "n_trained": np.array(model.items.n_trained),
    }
    if model.wide:
        found |= _wide(model.wide)
    if model.deep:
        found |= _deep(model, model.deep, item_sum, item_count)
    return found


def _wide(wide: WidePart) -> dict[str, Any]:
    """Return the weights of biases and crosses, and what the titles cross users with."""
    return {
        "user_bias": wide.user_bias.embeddings.numpy()[:, 0],
        "item_bias": wide.item_bias.embeddings.numpy()[:, 0],
        "cross": wide.cross.embeddings.numpy()[:, 0],
        "codes": wide.codes,
        "shares": wide.shares,
        "salts": wide.salts,
    }


def _deep(model: WideDeep, deep: DeepPart, item_sum: Ints, item_count: Ints) -> dict[str, Any]:
    """Return the layers, and each title's share of the first one.

    Returns:
        ``kernel0``, ``bias0``, …: of the layers. ``hidden``: what a title brings to the first one:
        float32 [titles, units]. ``of_user``: which inputs are the user's: bool [inputs]. ``user``
        and ``numbers``: the user's embedding and numbers: float32 [users, …].
    """
    found: dict[str, Any] = {}
    layers = [layer for layer in deep.hidden.layers if layer.get_weights()] + [deep.out]
    for number, layer in enumerate(layers):
        found[f"kernel{number}"], found[f"bias{number}"] = layer.get_weights()
    row = np.arange(len(item_sum), dtype=np.int32)
    nobody = 0 * row
    history = model.histories(
        {
            "user_sum": nobody, "user_count": nobody,
            "item_sum": item_sum, "item_count": item_count,
        }
    )  # fmt: skip
    trained = tf.where(row <= model.items.n_trained, row, 0)
    inputs = deep.inputs(nobody, trained, (nobody, row), history)
    widths = [columns.shape[1] for columns in inputs.values()]
    of_user = np.repeat([name in deep.OF_USER for name in inputs], widths)
    of_titles = np.concatenate([x.numpy() for n, x in inputs.items() if n not in deep.OF_USER], 1)
    return found | {
        "hidden": of_titles @ found["kernel0"][~of_user],
        "of_user": of_user,
        "user": deep.user.embeddings.numpy(),
        "numbers": model.users.numbers,
    }


def restored(folder: Path) -> WideDeep:
    """Build the network of a models folder in Keras again, with its weights.

    Raises:
        UserError: ``folder`` holds no model.
    """
    settings: Any = OmegaConf.merge(OmegaConf.structured(Model), read_settings(folder)["model"])
    model = WideDeep(
        cast(Model, OmegaConf.to_object(settings)),
        read_users(folder / "users.parquet"),
        read_items(folder / "items.parquet"),
    )
    model.load_weights(folder / WEIGHTS)
    return model
