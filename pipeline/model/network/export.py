"""Exports the trained network as plain arrays, with which NumPy answers without TensorFlow."""

from typing import Any

import numpy as np

from pipeline.arrays import Array
from pipeline.artifact.draws import Draw, Kept, in_points
from pipeline.artifact.formulas import Layout, LogScale
from pipeline.model.network.deep import DeepPart
from pipeline.model.network.knowledge import POWER, Knowledge
from pipeline.model.network.wide import WidePart
from pipeline.model.network.wide_deep import WideDeep

FIXED = 1e6  # prior precision of a weight that the network does not have


def exported(model: WideDeep, known: Knowledge) -> tuple[Kept, dict[str, Array]]:
    """Return the means of the weights as one draw, and what else a prediction needs, by name.

    Returns:
        The weights; vectors include what the maps (6) add. And ``kernel0``, ``bias0``, …, the
        ReLU layers, with a deep part; ``pair``, the hashed weights of user × title, if crossed.
    """
    k, m = model.deep.width if model.deep else 0, known.attributes.shape[1]
    crossed = known.columns(model.wide.crosses) if model.wide else np.zeros(0, np.int64)
    width = k + 1 + len(crossed)
    users = np.zeros((len(known.user_counts), width), np.float32)
    items = np.zeros((len(known.item_counts), k + 1), np.float32)
    maps = {
        "user_map": np.zeros((known.basis.shape[1] + 2, width), np.float32),
        "map": np.zeros((m + 1, k + 1), np.float32),
    }
    precision, more = np.full(width, FIXED), dict[str, Any]()
    if model.deep:
        _add_deep(model.deep, known, users, items, maps)
        precision[:k] = np.exp(-model.deep.users.log_prior.numpy())
        for number, layer in enumerate([*model.deep.dense, model.deep.out]):
            more[f"kernel{number}"], more[f"bias{number}"] = layer.get_weights()
    if model.wide:
        _add_wide(model.wide, users, items)
        precision[k:] = np.exp(-model.wide.users.log_prior.numpy())
        if model.wide.pair is not None:
            more["pair"] = model.wide.pair.embeddings.numpy()[:, 0]
    draw = Draw(
        users=users,
        items=items,
        precision=np.diag(precision * model.divergence_weight).astype(np.float32),
        noise=np.full(len(users), np.exp(-model.log_noise.numpy()), np.float32),
        cuts=np.zeros(0, np.float32),
        intercept=np.asarray(model.mean + model.intercept.numpy(), np.float32),
        **maps,
    )
    scale = LogScale.fit(known.user_counts)
    inputs = known.attributes, known.labels, crossed, known.basis, POWER, scale
    kept = Kept([draw], Layout(k, wide=True), *inputs)
    return in_points(kept, model.step), _layers_in_points(more, model.step)


def _layers_in_points(arrays: dict[str, Array], step: float) -> dict[str, Array]:
    """Do what ``in_points`` does to the ReLU layers and the hashed weights.

    The vectors of users, which the first layer multiplies, are ``step`` times as long by then.
    """
    arrays = dict(arrays)
    if "kernel0" in arrays:
        of_user, of_title, of_product = np.split(arrays["kernel0"], 3)
        arrays["kernel0"] = np.concatenate([of_user / step, of_title, of_product / step])
        last = sum(name.startswith("kernel") for name in arrays) - 1
        for name in (f"kernel{last}", f"bias{last}"):
            arrays[name] = arrays[name] * step
    if "pair" in arrays:
        arrays["pair"] = arrays["pair"] * step
    return arrays


def _add_deep(
    deep: DeepPart, known: Knowledge, users: Array, items: Array, maps: dict[str, Array]
) -> None:
    """Add the vectors of users and titles to their weights, and fill in the maps."""
    user_map, item_map = deep.user_map.means(), deep.item_map.means()
    k = deep.width
    users[:, : k + 1] += known.users.columns @ user_map
    items += known.items.columns[: len(items)] @ item_map
    users[:, :k] += deep.users.means()
    items[:, :k] += deep.items.means()
    maps["user_map"][:-1, : k + 1] = user_map
    described = known.columns(deep.attributes)
    maps["map"][described] = item_map[len(item_map) - len(described) :]


def _add_wide(wide: WidePart, users: Array, items: Array) -> None:
    """Add the biases, and the crosses of users, to their weights."""
    of_users = wide.users.means()
    users[:, users.shape[1] - of_users.shape[1] :] += of_users
    items[:, -1:] += wide.items.means()
