"""Sweeps in MLflow: a parent run, and a child of it for each job.

The parent hands its id to the jobs by the environment, as they may be other processes.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from pipeline.errors import UserError
from pipeline.sweeps.stage_cache import code_digest
from pipeline.tracking import origin, runs, views
from pipeline.tracking.origin import SWEEP_JOB, SWEEP_KEYS, SWEEP_OVERRIDES, SWEEP_RUN, shortened
from pipeline.tracking.runs import BEST


def identify(settings: Any) -> str:
    """Digest settings, together with the code that the stages depend on."""
    text = json.dumps([settings, code_digest()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finished(job: str) -> float | None:
    """Return the validation MSE of a job of the present sweep, if it was done before."""
    import mlflow

    from pipeline.sweeps.comparison import done

    runs.connect()
    parent = os.environ.get(SWEEP_RUN)
    query = f"tags.job = '{job}' and tags.mlflow.parentRunId = '{parent}'"
    found = mlflow.search_runs(filter_string=query, output_format="list")
    values: list[float] = [run.data.metrics[BEST] for run in found if done(run)]
    return values[0] if values else None


@contextmanager
def child(overrides: list[str], job: str) -> Iterator[None]:
    """Make the run that is opened inside that of a job.

    If a UserError comes before a run is opened, a failed one is recorded.

    Args:
        overrides: of the job.
        job: its identity.
    """
    import mlflow

    variables = {SWEEP_JOB: job, SWEEP_OVERRIDES: json.dumps(overrides)}
    os.environ.update(variables)
    begin = int(time.time() * 1000)
    try:
        yield
    except UserError as error:
        query = f"tags.job = '{job}' and attributes.start_time >= {begin}"
        if not mlflow.search_runs(filter_string=query, output_format="list"):
            mlflow.start_run(
                run_name=origin.job_name(),
                parent_run_id=os.environ.get(SWEEP_RUN),
                tags=origin.origin(),
                description=str(error),
            )
            mlflow.end_run("FAILED")
        raise
    finally:
        for key in variables:
            del os.environ[key]


class Sweep(Callback):
    """Opens the run of a sweep before its first job.

    Args:
        pruner: an Optuna pruner, instantiated here to find a mistake in its settings at once; each
            job makes its own.
    """

    def __init__(self, pruner: Any) -> None:
        self.pruner = pruner

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Open the run, or continue that of the same overrides and code."""
        import mlflow

        runs.connect()
        runs.close_dead()
        words = sorted(w for w in sys.argv[1:] if not w.startswith(("-", "hydra")))
        space = OmegaConf.to_container(config.hydra.sweeper.params or OmegaConf.create())
        assert isinstance(space, dict)
        identity = identify([words, space])
        query = f"tags.sweep = '{identity}'"
        found = mlflow.search_runs(filter_string=query, output_format="list", max_results=1)
        asked = [*(f"{key!s}={values}" for key, values in space.items()), *words]
        parsed = OverridesParser.create().parse_overrides(asked)
        swept = [p for p in parsed if p.is_sweep_override()]
        os.environ[SWEEP_KEYS] = json.dumps([p.key_or_group for p in swept])
        with mlflow.start_run(
            run_id=found[0].info.run_id if found else None,
            run_name=" ".join(str(p.input_line) for p in swept) or "defaults",
            tags={"sweep": identity, "route": "hydra sweep"} | origin.code() | origin.process(),
            description=f"`python -m pipeline.sweep --multirun {' '.join(words)}`",
        ) as parent:
            os.environ[SWEEP_RUN] = parent.info.run_id
        mlflow.MlflowClient().update_run(parent.info.run_id, "RUNNING")


def close(status: str) -> list[str]:
    """Close the run of the sweep: mark what was killed, log and print how the jobs compare.

    Args:
        status: that the run ends with, in MLflow's words.

    Returns:
        The names of the jobs that have no figures.
    """
    parent = os.environ.pop(SWEEP_RUN)
    import mlflow

    from pipeline.sweeps.comparison import SHOWN, compared, done, picture, print_jobs, varied

    client = mlflow.MlflowClient()
    query = f"tags.mlflow.parentRunId = '{parent}'"
    children = mlflow.search_runs(filter_string=query, output_format="list")
    for child in children:
        if child.info.status == "RUNNING":
            client.set_terminated(child.info.run_id, "KILLED")
    table = compared(children)
    params = varied(table)
    with mlflow.start_run(run_id=parent):
        if len(table):
            best = table.iloc[0]
            mlflow.log_text(table.to_csv(index=False), "jobs.csv")
            mlflow.log_metrics({name: float(best[name]) for name in SHOWN})
            mlflow.set_tags({f"best.{name}": best[name] for name in params})
            short = table.assign(**{name: table[name].map(shortened) for name in params})
            mlflow.log_figure(picture(short, params, BEST), "plots/jobs.png")
            print_jobs(short)
    client.set_terminated(parent, status)
    _show(parent, children, params)
    ended = {child.data.tags["job"] for child in children if done(child)}
    return [child.info.run_name for child in children if child.data.tags["job"] not in ended]


def _show(parent: str, children: list[Any], keys: list[str]) -> None:
    """Make the view *Newest sweep*: its jobs, with a column for each of ``keys``."""
    import mlflow

    known = {name for child in children for name in child.data.params}
    # An override of a group, such as model=wide, shows in the name that the group's files give.
    params = [p for key in keys for p in (key, f"{key}.name", f"{key}.source") if p in known]
    search = f"tags.mlflow.parentRunId = '{parent}'"
    shown = views.columns((BEST, "test_mse"), params, ())
    view = views.view("Newest sweep", shown, search, lowest=shown[0])
    experiment = mlflow.get_run(parent).info.experiment_id
    mlflow.MlflowClient().set_experiment_tag(experiment, views.TAG + views.SWEEP, view)
