"""Training of the network: Keras's fit, with early stopping and a guard against divergence."""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from pipeline.errors import UserError
from pipeline.model.network.batches import batches
from pipeline.model.network.wide_deep import WideDeep
from pipeline.settings.sections import Config
from pipeline.tables.entities import read_items, read_users
from pipeline.tables.rows import read_rows

Point = dict[str, float]  # epoch (from 1), train_mse, valid_mse


class Curve(keras.callbacks.Callback):
    """Records and reports the MSE of each epoch, and stops training that diverges."""

    def __init__(self, report: Callable[[Point], None]) -> None:
        super().__init__()
        self.report, self.points = report, list[Point]()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Record one epoch.

        Raises:
            UserError: a loss is infinite or not a number.
        """
        point = {"epoch": epoch + 1, "train_mse": logs["loss"], "valid_mse": logs["val_loss"]}
        if not all(map(math.isfinite, point.values())):
            raise UserError(
                f"train: the loss is no longer finite ({point}); lower "
                "model.deep.learning_rate or model.wide.learning_rate."
            )
        self.points.append(point)
        self.report(point)


def fit(
    config: Config, features: Path, report: Callable[[Point], None]
) -> tuple[WideDeep, list[Point]]:
    """Train on the ``train`` rows and stop early on ``valid``; deterministic for a seed.

    Args:
        config: the sections model and train.
        features: folder of the feature tables.
        report: called after each epoch with its point of the learning curve.

    Returns:
        The network with the weights of its best epoch, and the points of all epochs.

    Raises:
        UserError: the training diverged.
    """
    keras.utils.set_random_seed(config.train.seed)
    tf.config.experimental.enable_op_determinism()
    rows, ratings = read_rows(features, "train")
    users, items = read_users(features / "users.parquet"), read_items(features / "items.parquet")
    model = WideDeep(config.model, users, items)
    model.adapt(rows, ratings)
    model.compile(config.model)
    curve, size = Curve(report), config.train.batch_size
    early_stopping = keras.callbacks.EarlyStopping(
        "val_loss", patience=config.train.patience, restore_best_weights=True
    )
    model.fit(
        batches((rows, ratings), size, config.train.seed),
        steps_per_epoch=math.ceil(len(ratings) / size),
        validation_data=batches(read_rows(features, "valid"), size),
        epochs=config.train.epochs,
        shuffle=False,  # ``batches`` shuffles each epoch
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[curve, early_stopping],
    )
    return model, curve.points
