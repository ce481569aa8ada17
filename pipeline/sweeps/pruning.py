"""Pruning: stop a job of a sweep whose validation curve is much worse than those of earlier jobs.

One of Optuna's pruners decides: ``hydra.callbacks.mlflow.pruner``, as in conf/sweep/network.yaml.
The curves of earlier jobs come from MLflow, so that every sweeper and launcher can be used.
"""

import contextlib
import json
import logging
import os
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from pipeline.errors import UserError
from pipeline.tracking import connection, logs, reach, sender, store
from pipeline.tracking.objective import OBJECTIVES
from pipeline.tracking.origin import SWEEP_RUN

MSE = OBJECTIVES["mse"].metric


class PrunedError(Exception):
    """A job was pruned; ``best`` is its lowest validation MSE so far."""

    def __init__(self, best: float) -> None:
        super().__init__(best)
        self.best = best


@contextlib.contextmanager
def watching(pruner: DictConfig | None, curve: str) -> Iterator[None]:
    """Context in which a pruner watches one validation curve; None prunes nothing.

    Args:
        pruner: config of the pruner, which Hydra can instantiate.
        curve: name of the metric to watch.
    """
    if pruner is None:
        yield
        return
    settings = json.dumps(OmegaConf.to_container(pruner))

    def watcher(name: str, step: int, value: float) -> None:
        if name == curve:
            report(settings, curve, step, value)

    logs.watchers.append(watcher)
    try:
        yield
    finally:
        logs.watchers.remove(watcher)


def report(pruner: str, curve: str, step: int, value: float) -> None:
    """Report a point of the open run's validation curve to the pruner.

    Args:
        pruner: config of the pruner, as JSON.
        curve: name of the metric.
        step: epoch or sweep.
        value: MSE.

    Raises:
        PrunedError: the pruner stops the run, which ends as killed with the tag ``pruned``.
    """
    import mlflow

    run = mlflow.active_run().info.run_id
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in Optuna, create_trial is experimental
        present = trial(run, os.environ[SWEEP_RUN], curve, pruner)
    present.report(value, step)
    if present.should_prune():
        history = mlflow.MlflowClient().get_metric_history(run, curve)
        best = min(point.value for point in history)
        mlflow.log_metrics({MSE: best})
        mlflow.set_tag("pruned", f"{curve} {value:.4f} at step {step}")
        mlflow.end_run("KILLED")
        raise PrunedError(best)


@cache
def trial(run: str, sweep: str, curve: str, pruner: str) -> Any:
    """Start an Optuna trial for ``run`` in a study with the finished jobs of ``sweep``.

    Cached, as the trial collects the points of the run.
    """
    import mlflow
    import optuna

    logging.getLogger("optuna").setLevel(logging.WARNING)
    study = optuna.create_study(pruner=instantiate(json.loads(pruner)))
    query = f"tags.mlflow.parentRunId = '{sweep}' and metrics.test_mse >= 0"
    if reach.trouble(store.store(), sender.BRIEF):
        return study.ask()  # without earlier jobs, a pruner stops none
    with contextlib.suppress(UserError), connection.told():
        # The job's own run may be in the spool, which MLflow points at now.
        client = mlflow.MlflowClient(store.store())
        place = client.get_run(sweep).info.experiment_id
        for job in client.search_runs([place], query):
            history = client.get_metric_history(job.info.run_id, curve)
            points = {point.step: point.value for point in history}
            value = job.data.metrics[MSE]
            study.add_trial(optuna.trial.create_trial(value=value, intermediate_values=points))
    return study.ask()
