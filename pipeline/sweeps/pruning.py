"""Ends a job of a sweep whose validation curve is hopeless beside those of the jobs before it.

One of Optuna's pruners decides: ``hydra.callbacks.mlflow.pruner``, as in conf/sweep/network.yaml.
The curves of the other jobs come from MLflow, so that it works with every sweeper and launcher.
"""

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from pipeline.tracking import logs
from pipeline.tracking.origin import SWEEP_RUN
from pipeline.tracking.runs import BEST


class HopelessError(Exception):
    """A job is ended early; ``best`` is its lowest validation MSE until then."""

    def __init__(self, best: float) -> None:
        super().__init__(best)
        self.best = best


@contextmanager
def watching(pruner: DictConfig | None, curve: str) -> Iterator[None]:
    """Let a pruner watch one curve of the runs inside; None lets every job go on to its end.

    Args:
        pruner: its class and arguments, as Hydra instantiates them.
        curve: name of the metric it judges by.
    """
    if pruner is None:
        yield
        return
    settings = json.dumps(OmegaConf.to_container(pruner))

    def watcher(name: str, step: int, value: float) -> None:
        if name == curve:
            judge(settings, curve, step, value)

    logs.watchers.append(watcher)
    try:
        yield
    finally:
        logs.watchers.remove(watcher)


def judge(pruner: str, curve: str, step: int, value: float) -> None:
    """Report one more point of the curve of the open run to its pruner.

    Args:
        pruner: its class and arguments, as JSON.
        curve: name of the metric.
        step: epoch or sweep.
        value: MSE.

    Raises:
        HopelessError: the run was hopeless; it is closed as killed, with the tag ``pruned``.
    """
    import mlflow

    run = mlflow.active_run().info.run_id
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls adding a finished trial experimental
        present = trial(run, os.environ[SWEEP_RUN], curve, pruner)
    present.report(value, step)
    if present.should_prune():
        history = mlflow.MlflowClient().get_metric_history(run, curve)
        best = min(point.value for point in history)
        mlflow.log_metrics({BEST: best})
        mlflow.set_tag("pruned", f"{curve} {value:.4f} at step {step}")
        mlflow.end_run("KILLED")
        raise HopelessError(best)


@cache
def trial(run: str, sweep: str, curve: str, pruner: str) -> Any:
    """Begin an Optuna trial for ``run`` that knows the curves of the finished jobs of ``sweep``."""
    import mlflow
    import optuna

    logging.getLogger("optuna").setLevel(logging.WARNING)
    study = optuna.create_study(pruner=instantiate(json.loads(pruner)))
    query = f"tags.mlflow.parentRunId = '{sweep}' and metrics.test_mse >= 0"
    for job in mlflow.search_runs(filter_string=query, output_format="list"):
        history = mlflow.MlflowClient().get_metric_history(job.info.run_id, curve)
        points = {point.step: point.value for point in history}
        value = job.data.metrics[BEST]
        study.add_trial(optuna.trial.create_trial(value=value, intermediate_values=points))
    return study.ask()
