"""Training of the network, resumed after the last whole epoch of a killed run."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.progress import track

from pipeline.artifact.scale import training_scale
from pipeline.errors import UserError
from pipeline.model.checkpoint import Checkpoint
from pipeline.model.network.batches import batches
from pipeline.model.network.gradients import Exchange
from pipeline.model.network.knowledge import Knowledge, know
from pipeline.model.network.wide_deep import WideDeep
from pipeline.model.shard import Shard, read_shard
from pipeline.model.workers import Workers
from pipeline.settings.sections import Config

Point = dict[str, float]  # epoch (from 1), train_mse, valid_mse


class Loop:
    """Trains a network on the batches of a worker, an epoch at a time.

    Args:
        model: the network.
        shard: the rows of the worker.
        size: rows per batch, over all workers.
        seed: of the order of the rows.
        workers: the workers.

    Attributes:
        steps: number of batches of an epoch.
    """

    def __init__(
        self, model: WideDeep, shard: Shard, size: int, seed: int, workers: Workers
    ) -> None:
        self.model, self.workers, self.epoch = model, workers, tf.Variable(0, dtype=tf.int64)
        self.rows, self.valid = shard.rows.total, shard.valid.total
        self.steps = math.ceil(self.rows / size)
        trained = {"user": shard.user, "item": shard.item}, shard.rating
        others = {"user": shard.valid_user, "item": shard.valid_item}, shard.valid_rating
        self.trained = batches(trained, self.steps, seed, self.epoch)
        self.others = batches(others, math.ceil(shard.valid.size / size) or 1)
        most = math.ceil(shard.rows.size / self.steps)
        self.gradients = partial(model.gradients, total=Exchange(most, workers))
        self._step = tf.function(self._descend, autograph=False)
        self._errors = tf.function(model.errors, reduce_retracing=True)

    def run(self, epoch: int) -> Point:
        """Train one epoch, from 0; return the errors in squared steps of the scale."""
        train = self.train(epoch) / self.rows
        errors = np.sum([self._errors(*batch).numpy() for batch in self.others], dtype=np.float64)
        valid = float(self.workers.total(errors)) / self.valid
        return {"epoch": epoch + 1, "train_mse": train, "valid_mse": valid}

    def train(self, epoch: int) -> float:
        """Train one epoch; return the sum of the squared errors of all workers."""
        self.epoch.assign(epoch)
        batch = iter(self.trained)
        return float(sum(self._step(batch) for _ in range(self.steps)))

    def _descend(self, batch: Any) -> tf.Tensor:
        """Take a step on the next batch; return the sum of squared errors."""
        gradients, error = self.workers.run(self.gradients, *next(batch))
        # The batches' mean size is known beforehand: users' tables need not wait for the others.
        self.model.descend(gradients, self.rows / self.steps)
        return error


def fit(
    config: Config, features: Path, report: Callable[[Point], None], checkpoint: Checkpoint
) -> tuple[WideDeep, Knowledge, list[Point]]:
    """Train on the ``train`` rows; ``valid`` is only watched.

    Deterministic for a seed and a number of workers.

    Args:
        config: the sections model, train and dataset.
        features: folder of the feature tables.
        report: called after each epoch with its point of the learning curve.
        checkpoint: an interrupted run resumes from it.

    Returns:
        The network of this worker, what it knows, and the points of all epochs.

    Raises:
        UserError: the training diverged.
    """
    keras.utils.set_random_seed(config.train.seed)
    tf.config.experimental.enable_op_determinism()
    workers, epochs = checkpoint.workers, config.train.epochs
    step = training_scale(config.dataset, features).step
    shard = read_shard(features, step, workers)
    known = know(config.model, shard, config.train.seed, workers)
    ratings = shard.mean, shard.variance, shard.rows.total
    model = WideDeep(config.model, known, ratings, step, config.train.precision)
    loop = Loop(model, shard, config.train.batch_size, config.train.seed, workers)
    model.prepare(config.train, loop.steps * epochs)
    state = model.state
    done = checkpoint.restore(0, state, epochs)
    model.vary(workers.rank)
    saved = checkpoint.kept(0)[:done] if done else []
    points = [{name: x.item() for name, x in point.items()} for point in saved]
    for epoch in track(range(done, epochs), f"network, {epochs} epochs", disable=not workers.chief):
        point = finite(loop.run(epoch), step)
        points.append(point)
        report(point)
        checkpoint.keep(0, epoch + 1, {name: np.array(x) for name, x in point.items()})
        checkpoint.save(0, epoch + 1, state)
    return model, known, points


def finite(point: Point, step: float) -> Point:
    """Turn the errors of an epoch from steps of the scale into points, and check them.

    Raises:
        UserError: one is infinite or not a number.
    """
    scaled = {name: x if name == "epoch" else x * step**2 for name, x in point.items()}
    if not all(map(math.isfinite, scaled.values())):
        raise UserError(
            f"train: the loss is no longer finite ({scaled}); lower train.learning_rate."
        )
    return scaled
