"""Exports the trained network as plain arrays, with which NumPy answers without TensorFlow."""

from typing import Any

import numpy as np

from pipeline.arrays import Array
from pipeline.artifact.draws import Draw, Kept, in_points
from pipeline.artifact.formulas import Layout
from pipeline.model.checkpoint import Checkpoint
from pipeline.model.network.deep import DeepPart
from pipeline.model.network.knowledge import POWER, Knowledge
from pipeline.model.network.wide_deep import WideDeep

AFTER = 1  # place in the checkpoint of what is exported: after the learning curve
FIXED = 1e6  # prior precision of a weight that the network does not have


def exported(
    model: WideDeep, known: Knowledge, checkpoint: Checkpoint
) -> tuple[Kept, dict[str, Array]] | None:
    """Return the means of the weights as one draw, and what else a prediction needs, by name.

    Args:
        model: the network of a worker.
        known: what it knows.
        checkpoint: through which the first worker gets the weights of all users.

    Returns:
        None for all but the first worker. The weights; vectors include what the maps (6) add. And
        ``kernel0``, ``bias0``, …, the ReLU layers, with a deep part; ``pair``, the hashed weights
        of user × title, if crossed.
    """
    checkpoint.keep(AFTER, 0, {}, {"users": _of_users(model, known)})
    checkpoint.workers.wait()
    if not checkpoint.workers.chief:
        return None
    users = checkpoint.kept(AFTER)[0]["users"]
    k, m = model.deep.width if model.deep else 0, known.attributes.shape[1]
    crossed = known.columns(model.wide.crosses) if model.wide else np.zeros(0, np.int64)
    width, trained = users.shape[1], known.items.part.size
    items = np.zeros((trained, k + 1), np.float32)
    maps = {
        "user_map": np.zeros((known.basis.shape[1] + 2, width), np.float32),
        "map": np.zeros((m + 1, k + 1), np.float32),
    }
    precision, more = np.full(width, FIXED), dict[str, Any]()
    if model.deep:
        _add_deep(model.deep, known, items, maps)
        precision[:k] = np.exp(-model.deep.users.log_prior.numpy())
        for number, layer in enumerate([*model.deep.dense, model.deep.out]):
            more[f"kernel{number}"], more[f"bias{number}"] = layer.get_weights()
    if model.wide:
        items[:, -1:] += model.wide.items.means()
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
    inputs = known.attributes, known.labels, crossed, known.basis, POWER, known.scale
    kept = Kept([draw], Layout(k, wide=True), *inputs)
    return in_points(kept, model.step), _layers_in_points(more, model.step)


def _of_users(model: WideDeep, known: Knowledge) -> Array:
    """Return the means of the weights of a worker's users, as in ``Draw``: float32 [n, width]."""
    k = model.deep.width if model.deep else 0
    crosses = len(known.columns(model.wide.crosses)) if model.wide else 0
    users = np.zeros((known.users.part.size, k + 1 + crosses), np.float32)
    if model.deep:
        users[:, : k + 1] += known.users.columns @ model.deep.user_map.means()
        users[:, :k] += model.deep.users.means()
    if model.wide:
        users[:, k:] += model.wide.users.means()
    return users


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


def _add_deep(deep: DeepPart, known: Knowledge, items: Array, maps: dict[str, Array]) -> None:
    """Add the vectors of titles to their weights, and fill in the maps."""
    user_map, item_map, k = deep.user_map.means(), deep.item_map.means(), deep.width
    items += known.items.columns[: len(items)] @ item_map
    items[:, :k] += deep.items.means()
    maps["user_map"][:-1, : k + 1] = user_map
    described = known.columns(deep.attributes)
    maps["map"][described] = item_map[len(item_map) - len(described) :]
