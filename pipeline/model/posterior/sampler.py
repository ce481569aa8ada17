"""Wide and deep weights as their posterior has them: a mean of many draws, not one best guess.

A rating that is predicted by each of many weights, and averaged, errs less than one predicted by
the average or the likeliest weights: on real ratings by a tenth. Members are chains that see
ratings differently (``MEMBERS``); their errors differ, so their mean is better than each.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.progress import track

from pipeline.arrays import Array
from pipeline.artifact.draws import Draw, Kept
from pipeline.errors import UserError
from pipeline.model.posterior.attributes import attributes, describe, standardised
from pipeline.model.posterior.blocks import blocks
from pipeline.model.posterior.checkpoint import Checkpoint
from pipeline.model.posterior.gibbs import Chain, Ratings
from pipeline.model.posterior.history import components
from pipeline.settings.sections import Config, Posterior
from pipeline.tables.entities import Entities, read_items
from pipeline.tables.rows import read_rows

MEMBERS = {  # name: whether ratings are grades, whether all users have the same noise
    "normal": (False, False),
    "grades": (True, False),
    "grades_common": (True, True),
}
REPORT = 10  # sweeps between two points of the curve


def condition(
    settings: Posterior, rows: dict[str, Array], ratings: Array, items: Entities, seed: int
) -> Ratings:
    """Describe both sides and group the training ratings."""
    user, item = rows["user"], rows["item"]
    titles = len(items.numbers)
    shape = int(user.max()) + 1, items.known + 1
    counts = [np.bincount(user, minlength=shape[0]), np.bincount(item, minlength=titles)]
    known, labels = attributes(settings, items, counts[1])
    histories = [
        components(user, item, shape, settings.history, seed),
        components(item, user, shape[::-1], settings.history, seed),
    ]
    of_titles = histories[1].columns
    unrated = np.zeros((titles - shape[1], of_titles.shape[1]), np.float32)
    return Ratings(
        user=user,
        rating=ratings,
        by_user=blocks(user, item),
        by_item=blocks(item, user),
        users=describe([histories[0].columns, standardised(counts[0])]),
        items=describe([np.concatenate([of_titles, unrated]), known]),
        crossed=known,
        labels=labels,
        basis=histories[0].basis,
    )


def sample(
    config: Config,
    features: Path,
    report: Callable[[int, float], None],
    checkpoint: Checkpoint,
) -> Kept | None:
    """Run the chains of all members; the same settings and tables, the same draws.

    Args:
        config: the sections model, posterior, train and dataset.
        features: folder of the feature tables.
        report: called with a sweep and the MSE of the mean of the draws on ``valid`` so far.
        checkpoint: where a run that was interrupted goes on.

    Returns:
        The kept draws of all members; None where the posterior is not asked for.

    Raises:
        UserError: a chain diverged.
    """
    if config.posterior is None:
        return None
    settings, model = config.posterior, config.model
    scale = config.dataset.min_rating, config.dataset.max_rating
    items = read_items(features / "items.parquet")
    data = condition(settings, *read_rows(features, "train"), items, config.train.seed)
    valid, rating = read_rows(features, "valid")
    pairs = [
        tf.constant(np.where(valid[name] < len(side.columns), valid[name], 0))
        for name, side in (("user", data.users), ("item", data.items))
    ]
    mean = RunningMean(pairs, rating)
    for place, name in enumerate(settings.members):
        grades, common = MEMBERS[name]
        seed = config.train.seed * len(MEMBERS) + place
        embedding, wide = settings.embedding if model.deep else 0, model.wide is not None
        chain = Chain(data, scale, embedding, wide, grades, common, seed)
        sweep, predict = tf.function(chain.sweep, autograph=False), tf.function(chain.predict)
        begin = checkpoint.restore(place, [*chain.variables, *mean.variables], settings.sweeps)
        steps = range(begin + 1, settings.sweeps + 1)
        for step in track(steps, f"{name}, {settings.sweeps} sweeps"):
            swept(sweep, name, step)
            if step > settings.burn_in:
                mean.add(predict)
                if (step - settings.burn_in) % settings.keep_every == 0:
                    checkpoint.keep(place, step, drawn(chain, items.known, data)._asdict())
                if step % REPORT == 0:
                    report(place * settings.sweeps + step, mean.mse())
            checkpoint.save(place, step, [*chain.variables, *mean.variables])
    return Kept(
        [Draw(**arrays) for arrays in checkpoint.kept()], data.crossed, data.labels, data.basis
    )


class RunningMean:
    """The mean prediction of all sweeps so far for some pairs, and its error.

    Args:
        pairs: user and item, int32 [n] each.
        rating: what is right: float32 [n].
    """

    def __init__(self, pairs: list[tf.Tensor], rating: Array) -> None:
        self.pairs, self.rating = pairs, rating
        self.number, self.total = tf.Variable(0.0), tf.Variable(np.zeros(len(rating)))
        self.variables = [self.number, self.total]

    def add(self, predict: Callable[..., tf.Tensor]) -> None:
        """Take in the predictions of one more sweep."""
        self.total.assign_add(tf.cast(predict(*self.pairs), tf.float64))
        self.number.assign_add(1)

    def mse(self) -> float:
        """Return the mean squared error of the mean."""
        mean = self.total.numpy() / self.number.numpy()
        return float(np.mean((mean - self.rating) ** 2))


def swept(sweep: Callable[[], tf.Tensor], name: str, step: int) -> None:
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


def drawn(chain: Chain, known: int, data: Ratings) -> Draw:
    """Copy the present weights of a chain."""
    history = data.items.groups[0][1]
    return Draw(
        users=chain.users.weights.numpy().astype(np.float16),
        items=chain.items.weights.numpy()[: known + 1].astype(np.float16),
        map=chain.items.map.numpy()[history:],
        user_map=chain.users.map.numpy(),
        precision=chain.users.precision.numpy(),
        noise=chain.noise.numpy(),
        cuts=chain.grades.cuts.numpy() + chain.mean if chain.grades else np.zeros(0, np.float32),
        intercept=np.asarray(chain.intercept.numpy() + chain.mean, np.float32),
    )
