"""Sweeps in MLflow: a parent run for the sweep, a child run for each job.

Jobs may be other processes, so they get the id of the parent run from the environment.
"""

import contextlib
import hashlib
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from pipeline.errors import UserError, exit_on_user_error
from pipeline.settings.overrides import parsed
from pipeline.sweeps.stage_cache import code_digest
from pipeline.tracking import connection, origin, runs, sender, store, views
from pipeline.tracking.objective import TAG, Objective, named
from pipeline.tracking.origin import SWEEP_JOB, SWEEP_KEYS, SWEEP_OVERRIDES, SWEEP_RUN, shortened


def identify(settings: Any) -> str:
    """Return a digest of settings and of the code that the stages depend on."""
    text = json.dumps([settings, code_digest()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def earlier_value(job: str, by: Objective) -> float | None:
    """Return the figure that ranks a job if an earlier call of this sweep finished it."""
    import mlflow

    from pipeline.sweeps.comparison import done

    parent = os.environ.get(SWEEP_RUN)
    query = f"tags.job = '{job}' and tags.mlflow.parentRunId = '{parent}'"
    try:
        connection.connect()
        with connection.told():
            children = mlflow.search_runs(filter_string=query, output_format="list")
    except UserError:
        if parent and store.remote():  # the server was there when the sweep began
            return None
        raise
    values: list[float] = [run.data.metrics[by.metric] for run in children if done(run)]
    return values[0] if values else None


@contextlib.contextmanager
def child(overrides: list[str], job: str) -> Iterator[None]:
    """Context in which the run that is opened becomes the child run of a job.

    If a UserError comes before the run opens, a FAILED run is recorded.

    Args:
        overrides: overrides of the job.
        job: digest of the job, from ``identify``.
    """
    variables = {SWEEP_JOB: job, SWEEP_OVERRIDES: json.dumps(overrides)}
    os.environ.update(variables)
    begin = int(time.time() * 1000)
    try:
        yield
    except UserError as error:
        with contextlib.suppress(UserError), connection.told():
            _log_failure(f"tags.job = '{job}' and attributes.start_time >= {begin}", str(error))
        raise
    finally:
        for key in variables:
            del os.environ[key]


def _log_failure(query: str, description: str) -> None:
    """Record a FAILED run of the present job, unless the query finds that it opened one."""
    import mlflow

    connection.connect()
    if not mlflow.search_runs(filter_string=query, output_format="list"):
        name, tags = origin.job_name(), origin.origin()
        mlflow.start_run(run_name=name, tags=tags, description=description)
        mlflow.end_run("FAILED")


class Sweep(Callback):
    """Hydra callback that opens the run of a sweep before its first job.

    Args:
        pruner: an Optuna pruner. Hydra instantiates it here, so that a mistake in its settings
            stops the sweep at once; each job instantiates its own.
        objective: what jobs are ranked by: a key of ``pipeline.tracking.objective.OBJECTIVES``.

    Raises:
        UserError: the objective is unknown, or the pruner cannot see it.
    """

    def __init__(self, pruner: Any, objective: str) -> None:
        self.pruner, self.objective = pruner, objective
        if named(objective).highest and pruner is not None:
            raise UserError(
                f"hydra.callbacks.mlflow: a pruner compares curves of the validation MSE, so it "
                f"does not go with the objective {objective}; set pruner: null."
            )

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Open the sweep's run, or resume the one with the same overrides, settings and code."""
        exit_on_user_error(lambda: self._open(config))  # Hydra only warns of other exceptions

    @connection.told()
    def _open(self, config: DictConfig) -> None:
        import mlflow

        runs.close_dead(connection.connect().experiment_id)
        words = sorted(config.hydra.overrides.task)
        space = OmegaConf.to_container(config.hydra.sweeper.params or OmegaConf.create())
        assert isinstance(space, dict)
        base = {key: value for key, value in config.items() if key != "hydra"}
        settings = OmegaConf.to_container(OmegaConf.create(base), resolve=False)
        identity = identify([words, space, self.objective, settings])
        query = f"tags.sweep = '{identity}'"
        before = mlflow.search_runs(filter_string=query, output_format="list", max_results=1)
        overrides = [*(f"{key!s}={values}" for key, values in space.items()), *words]
        swept = [override for override in parsed(overrides) if override.is_sweep_override()]
        os.environ[SWEEP_KEYS] = json.dumps([override.key_or_group for override in swept])
        with mlflow.start_run(
            run_id=before[0].info.run_id if before else None,
            run_name=" ".join(str(override.input_line) for override in swept) or "defaults",
            tags={"sweep": identity, "route": "hydra sweep", TAG: self.objective}
            | origin.code()
            | origin.process(),
            description=f"`python -m pipeline.sweep {shlex.join(sys.argv[1:])}`",
        ) as parent:
            os.environ[SWEEP_RUN] = parent.info.run_id
        mlflow.MlflowClient().update_run(parent.info.run_id, "RUNNING")


@connection.told()
def close(status: str) -> list[str]:
    """Close the run of the sweep: log and print the comparison of the jobs, update the view.

    Args:
        status: MLflow status to close it with, FINISHED or KILLED.

    Returns:
        The names of the jobs without a result.

    Raises:
        UserError: the store does not answer, or jobs wait to be sent to it.
    """
    parent = os.environ.pop(SWEEP_RUN)
    import mlflow

    from pipeline.sweeps.comparison import done, job_table, override_columns

    connection.prepare()
    if left := sender.send_all(store.store())[1]:
        raise UserError(f"{left} Then the same command compares the jobs.")
    connection.connect()
    client = mlflow.MlflowClient()
    query = f"tags.mlflow.parentRunId = '{parent}'"
    children = mlflow.search_runs(filter_string=query, output_format="list")
    for run in children:
        if run.info.status == "RUNNING":  # its process was killed
            client.set_terminated(run.info.run_id, "KILLED")
    by = named(client.get_run(parent).data.tags[TAG])
    table = job_table(children, by)
    with mlflow.start_run(run_id=parent):
        if len(table):
            _log_comparison(table, by)
    client.set_terminated(parent, status)
    _update_view(parent, children, override_columns(table, by), by)
    results = {run.data.tags["job"] for run in children if done(run)}
    return [run.info.run_name for run in children if run.data.tags["job"] not in results]


def _log_comparison(table: pd.DataFrame, by: Objective) -> None:
    """Log the table of jobs, its picture and the best job to the open run; print the table."""
    import mlflow

    from pipeline.sweeps.comparison import override_columns, picture, print_jobs

    best, params = table.iloc[0], override_columns(table, by)
    mlflow.log_text(table.to_csv(index=False), "jobs.csv")
    mlflow.log_metrics({name: float(best[name]) for name in (by.metric, by.test)})
    mlflow.set_tags({f"best.{name}": best[name] for name in params})
    short = table.assign(**{name: table[name].map(shortened) for name in params})
    mlflow.log_figure(picture(short, params, by.metric), "plots/jobs.png")
    print_jobs(short, by)


def _update_view(parent: str, children: list[Any], keys: list[str], by: Objective) -> None:
    """Set the view *Newest sweep* to these jobs, with a column for each override in ``keys``."""
    import mlflow

    logged = {name for run in children for name in run.data.params}
    # Groups are no params: for an override such as model=wide, the column is model.name.
    params = [p for key in keys for p in (key, f"{key}.name", f"{key}.source") if p in logged]
    search = f"tags.mlflow.parentRunId = '{parent}'"
    shown = views.columns((by.metric, by.test), params, ())
    view = views.view("Newest sweep", shown, search, first=shown[0], highest=by.highest)
    experiment = mlflow.get_run(parent).info.experiment_id
    mlflow.MlflowClient().set_experiment_tag(experiment, views.TAG + views.SWEEP, view)
