"""Ends a job of a sweep whose validation curve is hopeless beside those of the jobs before it.

What is hopeless, one of Optuna's pruners tells: ``hydra.callbacks.mlflow.pruner``, as in
conf/sweep/network.yaml. The curves of the other jobs are those in MLflow, so that it works with
every sweeper and launcher.
"""

import json
import logging
import os
import warnings
from functools import cache
from typing import Any

from hydra.utils import instantiate

from pipeline.tracking import runs


class HopelessError(Exception):
    """A job is ended early; ``best`` is its lowest validation MSE until then."""

    def __init__(self, best: float) -> None:
        super().__init__(best)
        self.best = best


def judge(curve: str, step: int, value: float) -> None:
    """Look at one more point of a curve of the run that is open.

    Args:
        curve: name of its metric; all but the one that decides are let be.
        step: epoch or sweep.
        value: MSE.

    Raises:
        HopelessError: the run, which is closed as killed, with the tag ``pruned``.
    """
    import mlflow

    asked = json.loads(os.environ[runs.SWEEP_PRUNER])
    if curve != asked["curve"]:
        return
    run = mlflow.active_run().info.run_id
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls adding a finished trial experimental
        present = trial(run, os.environ[runs.SWEEP_RUN], curve, json.dumps(asked["pruner"]))
    present.report(value, step)
    if present.should_prune():
        history = mlflow.MlflowClient().get_metric_history(run, curve)
        best = min(point.value for point in history)
        mlflow.log_metrics({runs.BEST: best})
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
        value = job.data.metrics[runs.BEST]
        study.add_trial(optuna.trial.create_trial(value=value, intermediate_values=points))
    return study.ask()
