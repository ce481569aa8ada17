"""Training of the network: Keras's fit, resumed after the last whole epoch of a killed run."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.artifact.scale import training_scale
from pipeline.errors import UserError
from pipeline.model.checkpoint import Checkpoint
from pipeline.model.network.batches import batches
from pipeline.model.network.knowledge import Knowledge, know
from pipeline.model.network.wide_deep import WideDeep
from pipeline.settings.sections import Config
from pipeline.tables.entities import read_items
from pipeline.tables.rows import read_listed, read_pairs

Point = dict[str, float]  # epoch (from 1), train_mse, valid_mse


class Curve(keras.callbacks.Callback):
    """Records and reports the MSE of each epoch, saves its state, and stops what diverges.

    Args:
        report: called with each point of the curve.
        checkpoint: where the state goes.
        step: distance between two grades: the network predicts in steps.

    Attributes:
        epoch: number of the current epoch, from 0.
    """

    def __init__(
        self, report: Callable[[Point], None], checkpoint: Checkpoint, step: float = 1.0
    ) -> None:
        super().__init__()
        self.report, self.checkpoint, self.points = report, checkpoint, list[Point]()
        self.square = step**2
        self.epoch = tf.Variable(0, dtype=tf.int64)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Give the batches of this epoch their order."""
        self.epoch.assign(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Record one epoch.

        Raises:
            UserError: a loss is infinite or not a number.
        """
        losses = (("train_mse", "loss"), ("valid_mse", "val_loss"))
        point = {"epoch": epoch + 1} | {name: self.square * logs[loss] for name, loss in losses}
        if not all(map(math.isfinite, point.values())):
            raise UserError(
                f"train: the loss is no longer finite ({point}); lower train.learning_rate."
            )
        self.points.append(point)
        self.report(point)
        self.checkpoint.keep(0, epoch + 1, {name: np.array(x) for name, x in point.items()})
        self.checkpoint.save(0, epoch + 1, self.model.state)


def fit(
    config: Config, features: Path, report: Callable[[Point], None], checkpoint: Checkpoint
) -> tuple[WideDeep, Knowledge, list[Point]]:
    """Train on the ``train`` rows; ``valid`` is only watched. Deterministic for a seed.

    Args:
        config: the sections model, train and dataset.
        features: folder of the feature tables.
        report: called after each epoch with its point of the learning curve.
        checkpoint: an interrupted run resumes from it.

    Returns:
        The network, what it knows, and the points of all epochs.

    Raises:
        UserError: the training diverged.
    """
    keras.utils.set_random_seed(config.train.seed)
    tf.config.experimental.enable_op_determinism()
    step = training_scale(config.dataset, features).step
    (rows, ratings), (others, truth) = (read_pairs(features, part) for part in ("train", "valid"))
    ratings, truth = ratings / np.float32(step), truth / np.float32(step)
    titles = read_items(features / "items.parquet")
    pairs, listed = (rows["user"], rows["item"]), read_listed(features)
    known = know(config.model, *pairs, listed, titles, config.train.seed)
    moments = float(ratings.mean()), float(ratings.var()) or 1.0, len(ratings)
    model = WideDeep(config.model, known, moments, step)
    curve, size = Curve(report, checkpoint, step), config.train.batch_size
    steps = math.ceil(len(ratings) / size)
    model.compile(config.train, steps * config.train.epochs)
    done = checkpoint.restore(0, model.state, config.train.epochs)
    curve.epoch.assign(done)
    curve.points += [{n: x.item() for n, x in point.items()} for point in checkpoint.kept()[:done]]
    model.fit(
        batches((rows, ratings), size, config.train.seed, curve.epoch),
        validation_data=batches((others, truth), size),
        initial_epoch=done,
        epochs=config.train.epochs,
        shuffle=False,  # ``batches`` shuffles each epoch
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[curve],
    )
    return model, known, curve.points
