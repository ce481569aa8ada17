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

from pipeline.arrays import Array
from pipeline.artifact.draws import Draw, Kept, in_points
from pipeline.artifact.formulas import Layout, LogScale
from pipeline.artifact.scale import Scale, training_scale
from pipeline.errors import UserError
from pipeline.model.checkpoint import Checkpoint, State
from pipeline.model.posterior.gibbs import Chain
from pipeline.model.posterior.ratings import POWER, Ratings, condition
from pipeline.model.shard import Shard, read_shard
from pipeline.model.workers import Workers
from pipeline.settings.sections import Config

MEMBERS = {  # name: (ordered grades?, one noise precision for all users?)
    "normal": (False, False),
    "grades": (True, False),
    "grades_common": (True, True),
}
REPORT_EVERY = 10  # sweeps per point of the curve
Report = Callable[[int, float], None]


def sample(config: Config, features: Path, report: Report, checkpoint: Checkpoint) -> Kept | None:
    """Run the chains of all members; deterministic for a seed and a number of workers.

    Args:
        config: the sections model, posterior, train and dataset.
        features: folder of the feature tables.
        report: called with the number of sweeps so far, over all members, and the validation MSE
            of the mean prediction so far.
        checkpoint: an interrupted run resumes from it.

    Returns:
        The kept draws of all members, for the chief; None where no posterior is configured.

    Raises:
        UserError: a chain diverged.
    """
    if config.posterior is None:
        return None
    workers, scale = checkpoint.workers, training_scale(config.dataset, features)
    shard = read_shard(features, scale.step, workers)
    data = condition(config.posterior, shard, config.train.seed, workers)
    mean = RunningMean(shard, scale.step, workers)
    for member in range(len(config.posterior.members)):
        _run_chain(config, member, scale, data, mean, report, checkpoint)
    workers.wait()  # until each has saved its last draw
    if not workers.chief:
        return None
    members = range(len(config.posterior.members))
    draws = [Draw(**arrays) for arrays in checkpoint.kept(*members)]
    layout = Layout(config.posterior.embedding if config.model.deep else 0, bool(config.model.wide))
    inputs = data.attributes, data.labels, data.crossed, data.basis, POWER
    kept = Kept(draws, layout, *inputs, LogScale.fit(shard.user_counts))
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
    settings, workers = config.posterior, checkpoint.workers
    assert settings is not None
    name, chain = settings.members[member], _chain(config, member, scale.in_steps, data, workers)
    sweep, predict = workers.compiled(chain.sweep), tf.function(chain.predict)
    state = State([*chain.shared, mean.number], [*chain.own, mean.own])
    done = checkpoint.restore(member, state, settings.sweeps)
    steps = range(done + 1, settings.sweeps + 1)
    for step in track(steps, f"{name}, {settings.sweeps} sweeps", disable=not workers.chief):
        checked(sweep, name, step)
        if step > settings.burn_in:
            mean.add(predict)
            if (step - settings.burn_in) % settings.keep_every == 0:
                checkpoint.keep(member, step, *snapshot(chain, data))
            if step % REPORT_EVERY == 0:
                report(member * settings.sweeps + step, mean.mse())
        checkpoint.save(member, step, state)


def _chain(config: Config, member: int, scale: Scale, data: Ratings, workers: Workers) -> Chain:
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
        workers=workers,
    )


class RunningMean:
    """Mean prediction of the validation pairs over all sweeps so far, and its error.

    Args:
        shard: the rows of a worker.
        step: distance between two grades: the chains predict in steps.
        workers: the workers, of which each predicts its part of the pairs.

    Attributes:
        number: how many predictions the mean is of: float32 [].
        own: their sum for this worker's part: float64 [n].
    """

    def __init__(self, shard: Shard, step: float, workers: Workers) -> None:
        trained, item = shard.titles.total, shard.valid_item
        place = trained + np.searchsorted(shard.cold, item)
        item = np.where(item < trained, item, place).astype(np.int32)
        self.pairs = [tf.constant(shard.valid_user), tf.constant(item)]
        self.rating, self.step, self.workers = shard.valid_rating, step, workers
        self.number = tf.Variable(0.0)
        self.own = tf.Variable(np.zeros(shard.valid.size)), shard.valid

    def add(self, predict: Callable[..., tf.Tensor]) -> None:
        """Add the predictions of the current sweep."""
        self.own[0].assign_add(tf.cast(predict(*self.pairs), tf.float64))
        self.number.assign_add(1)

    def mse(self) -> float:
        """Return the mean squared error of the mean prediction, in points."""
        error = self.own[0].numpy() / self.number.numpy() - self.rating
        squares = self.workers.total(np.sum(error**2, dtype=np.float64))
        return float(self.step**2 * squares / self.own[1].total)


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


def snapshot(chain: Chain, data: Ratings) -> tuple[dict[str, Array], dict[str, Array]]:
    """Copy the current weights of a chain, which predict ratings in steps.

    Returns:
        By name the fields of ``Draw``: those that all workers share, and those of this worker's
        users.
    """
    history = data.items.groups[0][1]
    shared = {
        "items": chain.titles.numpy().astype(np.float16),
        "map": chain.items.map.numpy()[history:],
        "user_map": chain.users.map.numpy(),
        "precision": chain.users.precision.numpy(),
        "cuts": chain.grades.cuts.numpy() + chain.mean if chain.grades else np.zeros(0, np.float32),
        "intercept": np.asarray(chain.intercept.numpy() + chain.mean, np.float32),
    }
    own = {"users": chain.users.weights.numpy().astype(np.float16), "noise": chain.noise.numpy()}
    return shared, own
