"""Wide and deep weights as their posterior has them: a mean of many draws, not one best guess.

A rating that is predicted by each of many weights, and averaged, errs less than one predicted by
the average or the likeliest weights: on real ratings by a tenth. Members are chains that see
ratings differently (``MEMBERS``); their errors differ, so their mean is better than each.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.config import Config, Posterior
from pipeline.errors import UserError
from pipeline.model.blocks import blocks
from pipeline.model.chain import Chain, Ratings
from pipeline.model.checkpoint import Checkpoint
from pipeline.model.data import Array, Entities, read_items
from pipeline.model.describe import attributes, components, describe, standardised
from pipeline.model.grades import expected
from pipeline.rows import read_rows

MEMBERS = {  # name: whether ratings are grades, whether all users have the same noise
    "normal": (False, False),
    "grades": (True, False),
    "grades_common": (True, True),
}
REPORT = 10  # sweeps between two points of the curve


class Draw(NamedTuple):
    """One draw of all weights, as it is stored.

    Attributes:
        users: float16 [known + 1, n]; row 0 is any user who was not trained on.
        items: float16 [known + 1, m].
        map: float32 [attributes + 1, m]; puts titles without ratings where their kind is.
        noise: float32 [known + 1], precision of each user.
        cuts: float32 [grades - 1]; none where ratings are numbers.
        intercept: float32 [].
    """

    users: Array
    items: Array
    map: Array
    noise: Array
    cuts: Array
    intercept: Array


def condition(
    settings: Posterior, rows: dict[str, Array], ratings: Array, items: Entities, seed: int
) -> Ratings:
    """Describe both sides and group the training ratings."""
    user, item = rows["user"], rows["item"]
    titles = len(items.numbers)
    shape = int(user.max()) + 1, items.known + 1
    counts = [np.bincount(user, minlength=shape[0]), np.bincount(item, minlength=titles)]
    known = attributes(settings, items, counts[1])
    histories = [
        components(user, item, shape, settings.history, seed),
        components(item, user, shape[::-1], settings.history, seed),
    ]
    unrated = np.zeros((titles - shape[1], histories[1].shape[1]), np.float32)
    return Ratings(
        user=user,
        item=item,
        rating=ratings,
        by_user=blocks(user, item),
        by_item=blocks(item, user),
        users=describe([histories[0], standardised(counts[0])]),
        items=describe([np.concatenate([histories[1], unrated]), known]),
        crossed=known,
    )


def sample(
    config: Config,
    features: Path,
    report: Callable[[int, float], None],
    checkpoint: Checkpoint,
) -> list[Draw]:
    """Run the chains of all members; the same settings and tables, the same draws.

    Args:
        config: the sections model, posterior, train and dataset.
        features: folder of the feature tables.
        report: called with a sweep and the MSE of the mean of the draws on ``valid`` so far.
        checkpoint: where a run that was interrupted goes on.

    Returns:
        The kept draws of all members; none where the posterior is not asked for.

    Raises:
        UserError: a chain diverged.
    """
    if config.posterior is None:
        return []
    settings, model = config.posterior, config.model
    scale = config.dataset.min_rating, config.dataset.max_rating
    items = read_items(features / "items.parquet")
    data = condition(settings, *read_rows(features, "train"), items, config.train.seed)
    valid, rating = read_rows(features, "valid")
    pairs = [
        tf.constant(np.where(valid[name] < len(side.columns), valid[name], 0))
        for name, side in (("user", data.users), ("item", data.items))
    ]
    number, total = 0, np.zeros(len(rating))
    for place, name in enumerate(settings.members):
        grades, common = MEMBERS[name]
        chain = Chain(
            data, scale, settings.embedding if model.deep else 0, model.wide is not None,
            grades, common, seed=config.train.seed * len(MEMBERS) + place,
        )  # fmt: skip
        sweep, predict = tf.function(chain.sweep, autograph=False), tf.function(chain.predict)
        begin, state = checkpoint.restore(place, chain.variables, settings.sweeps)
        if begin:
            number, total = int(state["number"]), state["total"]
        for step in range(begin + 1, settings.sweeps + 1):
            error = swept(sweep, name, step)
            if step > settings.burn_in:
                total += predict(*pairs).numpy()
                number += 1
                if (step - settings.burn_in) % settings.keep_every == 0:
                    checkpoint.keep(place, step, drawn(chain, items.known, data)._asdict())
                if step % REPORT == 0:
                    mse = float(np.mean((total / number - rating) ** 2))
                    report(place * settings.sweeps + step, mse)
            checkpoint.save(
                place, step, chain.variables, {"number": number, "total": total, "error": error}
            )
    return [Draw(**arrays) for arrays in checkpoint.kept()]


def swept(sweep: Callable[[], tf.Tensor], name: str, step: int) -> float:
    """Sweep once.

    Raises:
        UserError: the weights are no longer numbers.
    """
    try:
        error = float(sweep())
    except tf.errors.InvalidArgumentError:  # of a decomposition
        error = np.nan
    if not np.isfinite(error):
        raise UserError(
            f"train: the posterior member {name} diverged in sweep {step}; "
            "lower posterior.embedding or posterior.history."
        )
    return error


def drawn(chain: Chain, known: int, data: Ratings) -> Draw:
    """Copy the present weights of a chain."""
    history = data.items.groups[0][1]
    return Draw(
        users=chain.users.weights.numpy().astype(np.float16),
        items=chain.items.weights.numpy()[: known + 1].astype(np.float16),
        map=chain.items.map.numpy()[history:],
        noise=chain.noise.numpy(),
        cuts=chain.grades.cuts.numpy() + chain.mean if chain.grades else np.zeros(0, np.float32),
        intercept=np.asarray(chain.intercept.numpy() + chain.mean, np.float32),
    )


class Draws:
    """Predicts ratings as the mean over draws.

    Args:
        draws: at least one.
        known: attributes of all titles, as ``describe.attributes`` gives them.
        wide: whether users have biases and crosses.
        scale: lowest and highest rating.
    """

    def __init__(self, draws: list[Draw], known: Array, wide: bool, scale: tuple[int, int]) -> None:
        self.draws, self.wide, self.scale = draws, wide, scale
        self.attributes = tf.constant(known)
        self.described = tf.concat([self.attributes, tf.ones([len(known), 1])], 1)

    def predict(self, user: Array, item: Array) -> Array:
        """Predict pairs of table rows, int32 [n]: float32 [n], on the scale."""
        if not len(user):
            return np.zeros(0, np.float32)
        total = sum(self._one(draw, tf.constant(user), tf.constant(item)) for draw in self.draws)
        return total.numpy() / np.float32(len(self.draws))

    def _one(self, draw: Draw, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        user = tf.where(user < len(draw.users), user, 0)
        rated = (item > 0) & (item < len(draw.items))
        left = tf.cast(tf.gather(draw.users, user), tf.float32)
        trained = tf.cast(tf.gather(draw.items, tf.where(rated, item, 0)), tf.float32)
        by_kind = tf.matmul(tf.gather(self.described, item), draw.map)
        right = tf.where(rated[:, None], trained, by_kind)
        deep = draw.items.shape[1] - self.wide
        score = tf.reduce_sum(left[:, :deep] * right[:, :deep], 1) + draw.intercept
        if self.wide:
            crossed = tf.gather(self.attributes, item)
            score += left[:, deep] + right[:, deep]
            score += tf.reduce_sum(left[:, deep + 1 :] * crossed, 1)
        if not len(draw.cuts):
            return tf.clip_by_value(score, *self.scale)
        return expected(score, tf.gather(draw.noise, user), draw.cuts, self.scale[0])


def write(draws: list[Draw], path: Path) -> None:
    """Store draws in one file."""
    fields: dict[str, Any] = {
        f"{i}/{name}": array
        for i, draw in enumerate(draws)
        for name, array in draw._asdict().items()
    }
    np.savez(path, **fields)


def read(path: Path) -> list[Draw]:
    """Read what ``write`` wrote."""
    with np.load(path) as file:
        number = len(file.files) // len(Draw._fields)
        return [Draw(*(file[f"{i}/{name}"] for name in Draw._fields)) for i in range(number)]
