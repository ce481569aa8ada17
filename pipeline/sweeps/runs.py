"""Sweeps in MLflow: a parent run, a child for each job, and what can be told from all of them.

The parent hands its id to the jobs by the environment, as they may be other processes.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from pipeline.errors import UserError
from pipeline.paths import ROOT
from pipeline.sweeps.stage_cache import digest
from pipeline.tracking import runs, views
from pipeline.tracking.runs import BEST, shortened

if TYPE_CHECKING:
    import pandas as pd

SHOWN = (BEST, "test_mse")


def identify(decides: Any) -> str:
    """Digest settings, together with the code."""
    text = json.dumps([decides, digest(ROOT / "pipeline")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finished(job: str) -> float | None:
    """Return the validation MSE of a job of the present sweep, if it was done before."""
    import mlflow

    runs.connect()
    parent = os.environ.get(runs.SWEEP_RUN)
    query = f"tags.job = '{job}' and tags.mlflow.parentRunId = '{parent}'"
    found = mlflow.search_runs(filter_string=query, output_format="list")
    values: list[float] = [run.data.metrics[BEST] for run in found if done(run)]
    return values[0] if values else None


def done(run: Any) -> bool:
    """Tell whether a job has its figures, or was stopped early for good."""
    return "test_mse" in run.data.metrics or "pruned" in run.data.tags


@contextmanager
def child(overrides: list[str], job: str, pruner: Any, curve: str) -> Iterator[None]:
    """Make the run that is opened inside that of a job; a mistake before it leaves a failed one.

    Args:
        overrides: of the job.
        job: its identity.
        pruner: settings (DictConfig) of the Optuna pruner that may stop it early, or None.
        curve: the metric that the pruner looks at.
    """
    import mlflow

    known = {runs.SWEEP_JOB: job, runs.SWEEP_OVERRIDES: json.dumps(overrides)}
    if pruner is not None:
        known[runs.SWEEP_PRUNER] = json.dumps(
            {"pruner": OmegaConf.to_container(pruner), "curve": curve}
        )
    os.environ.update(known)
    begin = int(time.time() * 1000)
    try:
        yield
    except UserError as error:
        query = f"tags.job = '{job}' and attributes.start_time >= {begin}"
        if not mlflow.search_runs(filter_string=query, output_format="list"):
            mlflow.start_run(
                run_name=runs.job_name(),
                parent_run_id=os.environ.get(runs.SWEEP_RUN),
                tags=runs.origin(),
                description=str(error),
            )
            mlflow.end_run("FAILED")
        raise
    finally:
        for key in known:
            del os.environ[key]


class Sweep(Callback):
    """Opens the run of a sweep before its first job, and closes it after the last.

    Args:
        pruner: an Optuna pruner, made here to see at once whether it can be; jobs make their own.
    """

    def __init__(self, pruner: Any) -> None:
        self.pruner = pruner

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Open the run, or go on with that of the same overrides and code."""
        import mlflow

        runs.connect()
        runs.close_dead()
        words = sorted(w for w in sys.argv[1:] if not w.startswith(("-", "hydra")))
        ready = OmegaConf.to_container(config.hydra.sweeper.params or OmegaConf.create())
        assert isinstance(ready, dict)
        identity = identify([words, ready])
        query = f"tags.sweep = '{identity}'"
        found = mlflow.search_runs(filter_string=query, output_format="list", max_results=1)
        asked = [*(f"{key!s}={values}" for key, values in ready.items()), *words]
        parsed = OverridesParser.create().parse_overrides(asked)
        swept = [p for p in parsed if p.is_sweep_override()]
        os.environ[runs.SWEEP_KEYS] = json.dumps([p.key_or_group for p in swept])
        with mlflow.start_run(
            run_id=found[0].info.run_id if found else None,
            run_name=" ".join(str(p.input_line) for p in swept) or "defaults",
            tags={"sweep": identity, "route": "hydra sweep"} | runs.code() | runs.process(),
            description=f"`python -m pipeline.sweep --multirun {' '.join(words)}`",
        ) as parent:
            os.environ[runs.SWEEP_RUN] = parent.info.run_id
        mlflow.MlflowClient().update_run(parent.info.run_id, "RUNNING")


def close(status: str) -> list[str]:
    """Close the run of the sweep: mark what was killed, log and print how the jobs compare.

    Args:
        status: what becomes of the run, in MLflow's words.

    Returns:
        The names of the jobs that have no figures.
    """
    parent = os.environ.pop(runs.SWEEP_RUN)
    import mlflow

    from pipeline import plots, summary

    client = mlflow.MlflowClient()
    query = f"tags.mlflow.parentRunId = '{parent}'"
    children = mlflow.search_runs(filter_string=query, output_format="list")
    for child in children:
        if child.info.status == "RUNNING":
            client.set_terminated(child.info.run_id, "KILLED")
    table = compared(children)
    with mlflow.start_run(run_id=parent):
        if len(table):
            best = table.iloc[0]
            mlflow.log_text(table.to_csv(index=False), "jobs.csv")
            mlflow.log_metrics({name: float(best[name]) for name in SHOWN})
            mlflow.set_tags({f"best.{name}": best[name] for name in varied(table)})
            short = table.assign(**{name: table[name].map(shortened) for name in varied(table)})
            mlflow.log_figure(plots.jobs(short, varied(table), BEST), "plots/jobs.png")
            summary.print_jobs(short)
    client.set_terminated(parent, status)
    _show(parent, children, varied(table))
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


def compared(children: list[Any]) -> "pd.DataFrame":
    """Return a row for each job, the best first: overrides that differ, the MSEs.

    The last ones are those that were stopped early, and have no test_mse.
    """
    import pandas as pd

    rows = {
        child.data.tags["job"]: dict(
            override.split("=", 1) for override in json.loads(child.data.tags["overrides"])
        )
        | {name: child.data.metrics.get(name) for name in SHOWN}
        for child in children
        if done(child)
    }
    table = pd.DataFrame(list(rows.values()))
    same = [name for name in varied(table) if len(table[name].drop_duplicates()) == 1]
    table = table.drop(columns=same)
    if table.empty or table.test_mse.isna().all():
        return table.iloc[:0]
    ended = table.sort_values(BEST).dropna(subset="test_mse")
    return pd.concat([ended, table.drop(ended.index).sort_values(BEST)], ignore_index=True)


def varied(table: "pd.DataFrame") -> list[str]:
    """Return the columns of overrides."""
    return [str(name) for name in table if name not in SHOWN]
