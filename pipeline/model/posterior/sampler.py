"""Posterior draws of the wide and deep weights, from the chains of all members.

Predictions averaged over many draws have a tenth less error on real ratings than those of the
posterior mean or mode of the weights. Members are chains that model ratings differently
(``MEMBERS``); their errors differ, so their average is better than each of them.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.progress import track

from pipeline.arrays import Array, Floats
from pipeline.artifact.draws import Draw, Kept, in_points
from pipeline.artifact.formulas import Layout, LogScale
from pipeline.artifact.scale import Scale, training_scale
from pipeline.errors import UserError
from pipeline.model.checkpoint import Checkpoint
from pipeline.model.inputs.attributes import attributes, describe
from pipeline.model.inputs.history import components
from pipeline.model.posterior.gibbs import Chain, Ratings
from pipeline.model.posterior.padded import padded
from pipeline.settings.sections import Config, Posterior
from pipeline.tables.entities import Entities, read_items
from pipeline.tables.rows import Pairs, read_listed, read_pairs

MEMBERS = {  # name: (ordered grades?, one noise precision for all users?)
    "normal": (False, False),
    "grades": (True, False),
    "grades_common": (True, True),
}
POWER = 0.3  # of the number of ratings by which histories (5) are divided
REPORT_EVERY = 10  # sweeps per point of the curve
Report = Callable[[int, float], None]


def condition(
    settings: Posterior,
    rows: dict[str, Array],
    ratings: Floats,
    listed: Pairs,
    items: Entities,
    seed: int,
) -> Ratings:
    """Collect the training data that all chains share.

    Args:
        settings: settings of the posterior.
        rows: user and item of the training ratings: int32 [n].
        ratings: in steps of the scale: float32 [n].
        listed: user and item of the training rows and of what is watched without a rating.
        items: the item table.
        seed: random seed of the principal components.
    """
    user, item = rows["user"], rows["item"]
    n_titles = len(items.numbers)
    shape = int(user.max()) + 1, items.n_trained + 1
    user_counts = np.bincount(user, minlength=shape[0])
    item_counts = np.bincount(item, minlength=n_titles)
    columns, labels = attributes(settings.attributes, items, item_counts)
    most = settings.history_components
    of_users = components(*listed, shape, most, POWER, seed)
    of_titles = components(*listed[::-1], shape[::-1], most, POWER, seed).columns
    unrated = np.zeros((n_titles - shape[1], of_titles.shape[1]), np.float32)
    crossed = [i for i, (name, _) in enumerate(labels) if name in settings.crosses]
    return Ratings(
        user=user,
        rating=ratings,
        by_user=padded(user, item),
        by_item=padded(item, user),
        users=describe([of_users.columns, LogScale.fit(user_counts)(user_counts)[:, None]]),
        items=describe([np.concatenate([of_titles, unrated]), columns]),
        attributes=columns,
        labels=labels,
        crossed=np.array(crossed, np.int64),
        basis=of_users.basis,
    )


def sample(config: Config, features: Path, report: Report, checkpoint: Checkpoint) -> Kept | None:
    """Run the chains of all members; deterministic for a seed.

    Args:
        config: the sections model, posterior, train and dataset.
        features: folder of the feature tables.
        report: called with the number of sweeps so far, over all members, and the validation MSE
            of the mean prediction so far.
        checkpoint: an interrupted run resumes from it.

    Returns:
        The kept draws of all members; None where no posterior is configured.

    Raises:
        UserError: a chain diverged.
    """
    if config.posterior is None:
        return None
    items = read_items(features / "items.parquet")
    scale = training_scale(config.dataset, features)
    rows, ratings = read_pairs(features, "train")
    ratings, listed = ratings / np.float32(scale.step), read_listed(features)
    data = condition(config.posterior, rows, ratings, listed, items, config.train.seed)
    mean = RunningMean(data, *read_pairs(features, "valid"), scale.step)
    for member in range(len(config.posterior.members)):
        _run_chain(config, member, scale, data, mean, report, checkpoint)
    draws = [Draw(**arrays) for arrays in checkpoint.kept()]
    layout = Layout(config.posterior.embedding if config.model.deep else 0, bool(config.model.wide))
    inputs = data.attributes, data.labels, data.crossed, data.basis, POWER
    kept = Kept(draws, layout, *inputs, LogScale.fit(np.bincount(rows["user"])))
    return in_points(kept, scale.step)


def _run_chain(
    config: Config,
    member: int,
    scale: Scale,
    data: Ratings,
    mean: "RunningMean",
    report: Report,
    checkpoint: Checkpoint,
) -> None:
    """Run the chain of a member from its last saved sweep to the end."""
    settings = config.posterior
    assert settings is not None
    name, chain = settings.members[member], _chain(config, member, scale.in_steps, data)
    sweep, predict = tf.function(chain.sweep, autograph=False), tf.function(chain.predict)
    variables = [*chain.variables, *mean.variables]
    done = checkpoint.restore(member, variables, settings.sweeps)
    steps = range(done + 1, settings.sweeps + 1)
    for step in track(steps, f"{name}, {settings.sweeps} sweeps"):
        checked(sweep, name, step)
        if step > settings.burn_in:
            mean.add(predict)
            if (step - settings.burn_in) % settings.keep_every == 0:
                checkpoint.keep(member, step, snapshot(chain, data)._asdict())
            if step % REPORT_EVERY == 0:
                report(member * settings.sweeps + step, mean.mse())
        checkpoint.save(member, step, variables)


def _chain(config: Config, member: int, scale: Scale, data: Ratings) -> Chain:
    """Create the chain of a member; each member has its own random seed."""
    settings, model = config.posterior, config.model
    assert settings is not None
    grades, common = MEMBERS[settings.members[member]]
    return Chain(
        data,
        scale=scale,
        embedding=settings.embedding if model.deep else 0,
        wide=model.wide is not None,
        grades=grades,
        common=common,
        seed=config.train.seed * len(MEMBERS) + member,
    )


class RunningMean:
    """Mean prediction of the validation pairs over all sweeps so far, and its error.

    Args:
        data: the training data of the chains.
        rows: user and item of the validation pairs: int32 [n].
        rating: their ratings: float32 [n].
        step: distance between two grades: the chains predict in steps.
    """

    def __init__(self, data: Ratings, rows: dict[str, Array], rating: Floats, step: float) -> None:
        sides = (("user", data.users), ("item", data.items))
        self.pairs = [
            tf.constant(np.where(rows[name] < len(inputs.columns), rows[name], 0))
            for name, inputs in sides
        ]
        self.rating, self.step = rating, step
        self.number, self.total = tf.Variable(0.0), tf.Variable(np.zeros(len(rating)))
        self.variables = [self.number, self.total]

    def add(self, predict: Callable[..., tf.Tensor]) -> None:
        """Add the predictions of the current sweep."""
        self.total.assign_add(tf.cast(predict(*self.pairs), tf.float64))
        self.number.assign_add(1)

    def mse(self) -> float:
        """Return the mean squared error of the mean prediction."""
        mean = self.step * self.total.numpy() / self.number.numpy()
        return float(np.mean((mean - self.rating) ** 2))


def checked(sweep: Callable[[], tf.Tensor], name: str, step: int) -> None:
    """Run one sweep, and check that the weights are finite.

    Raises:
        UserError: they are not; the chain diverged.
    """
    try:
        error = float(sweep())
    except tf.errors.InvalidArgumentError:  # a Cholesky decomposition failed
        error = np.nan
    if not np.isfinite(error):
        raise UserError(
            f"train: the posterior member {name} diverged in sweep {step}; "
            "lower posterior.embedding or posterior.history_components."
        )


def snapshot(chain: Chain, data: Ratings) -> Draw:
    """Copy the current weights of a chain to a draw; it predicts ratings in steps."""
    history, n_trained = data.items.groups[0][1], chain.items.n_trained
    return Draw(
        users=chain.users.weights.numpy().astype(np.float16),
        items=chain.items.weights.numpy()[: n_trained + 1].astype(np.float16),
        map=chain.items.map.numpy()[history:],
        user_map=chain.users.map.numpy(),
        precision=chain.users.precision.numpy(),
        noise=chain.noise.numpy(),
        cuts=chain.grades.cuts.numpy() + chain.mean if chain.grades else np.zeros(0, np.float32),
        intercept=np.asarray(chain.intercept.numpy() + chain.mean, np.float32),
    )
