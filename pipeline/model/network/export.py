"""Exports the network as plain arrays for ``pipeline.recommender.network``, and reloads it."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf
from omegaconf import OmegaConf

from pipeline.arrays import Array, Ints
from pipeline.artifact.folder import WEIGHTS, read_settings
from pipeline.artifact.formulas import LogScale
from pipeline.model.network.deep import DeepPart
from pipeline.model.network.wide import WidePart
from pipeline.model.network.wide_deep import WideDeep
from pipeline.settings.sections import Model
from pipeline.tables.entities import read_items, read_users


def arrays(model: WideDeep, item_sum: Ints, item_count: Ints, user_count: Ints) -> dict[str, Any]:
    """Return the trained network as arrays, by name.

    Args:
        model: the trained network.
        item_sum, item_count: sum and number of the training ratings of each title: int32 [titles].
        user_count: number of training ratings of each user: int32 [users].

    Returns:
        ``scale``: see ``WideDeep``; ``counts``: the ``LogScale`` of users in the posterior;
        ``n_trained``: number of titles with training ratings; and what ``_wide`` and ``_deep``
        return, for the parts that the network has.
    """
    exported: dict[str, Any] = {
        "scale": model.scale.numpy(),
        "counts": np.array(LogScale.fit(user_count)),
        "n_trained": np.array(model.items.n_trained),
    }
    if model.wide:
        exported |= _wide(model.wide)
    if model.deep:
        exported |= _deep(model, model.deep, item_sum, item_count)
    return exported


def _wide(wide: WidePart) -> dict[str, Any]:
    """Return the weights (float32 [rows] each) and the crosses of titles, see ``WidePart``."""
    return {
        "user_bias": wide.user_bias.embeddings.numpy()[:, 0],
        "item_bias": wide.item_bias.embeddings.numpy()[:, 0],
        "cross": wide.cross.embeddings.numpy()[:, 0],
        "codes": wide.codes,
        "shares": wide.shares,
        "salts": wide.salts,
    }


def _deep(model: WideDeep, deep: DeepPart, item_sum: Ints, item_count: Ints) -> dict[str, Any]:
    """Return the layers, and the first one's product with the inputs of each title.

    Returns:
        ``kernel0``, ``bias0``, …: weights of the layers. ``hidden``: each title's inputs times
        their rows of ``kernel0``: float32 [titles, units]. ``of_user``: rows of ``kernel0`` for
        the user's inputs: bool [inputs]. ``user``, ``numbers``: embeddings and numbers of users:
        float32 [users, …].
    """
    exported: dict[str, Any] = {}
    layers = [layer for layer in deep.hidden.layers if layer.get_weights()] + [deep.out]
    for number, layer in enumerate(layers):
        exported[f"kernel{number}"], exported[f"bias{number}"] = layer.get_weights()
    of_titles, of_user = _title_inputs(model, deep, item_sum, item_count)
    return exported | {
        "hidden": of_titles @ exported["kernel0"][~of_user],
        "of_user": of_user,
        "user": deep.user.embeddings.numpy(),
        "numbers": model.users.numbers,
    }


def _title_inputs(
    model: WideDeep, deep: DeepPart, item_sum: Ints, item_count: Ints
) -> tuple[Array, Array]:
    """Compute the inputs of the first layer that depend on the title alone.

    Returns:
        These inputs of all titles: float32 [titles, n]; and, for each input of the layer, whether
        it depends on the user instead: bool [inputs].
    """
    row = np.arange(len(item_sum), dtype=np.int32)
    user = 0 * row  # any user: inputs that depend on the user are left out
    history = model.histories(
        {
            "user_sum": user, "user_count": user,
            "item_sum": item_sum, "item_count": item_count,
        }
    )  # fmt: skip
    item = tf.where(row <= model.items.n_trained, row, 0)
    inputs = deep.inputs(user, item, (user, row), history)
    widths = [columns.shape[1] for columns in inputs.values()]
    of_user = np.repeat([name in deep.OF_USER for name in inputs], widths)
    of_titles = [x.numpy() for name, x in inputs.items() if name not in deep.OF_USER]
    return np.concatenate(of_titles, 1), of_user


def restored(folder: Path) -> WideDeep:
    """Rebuild the stored network of a model folder in Keras.

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
