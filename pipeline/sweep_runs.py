"""Sweeps in MLflow: a parent run, a child for each job, and what can be told from all of them.

The parent hands its id to the jobs by the environment, as they may be other processes.
"""

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from pipeline import tracking
from pipeline.config import ROOT
from pipeline.errors import UserError
from pipeline.upstream import digest

if TYPE_CHECKING:
    import pandas as pd

BEST = "best_valid_mse"  # what jobs are compared by: the test rows decide nothing
SHOWN = (BEST, "test_mse")


def identify(decides: Any) -> str:
    """Digest settings, together with the code."""
    text = json.dumps([decides, digest(ROOT / "pipeline")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finished(job: str) -> float | None:
    """Return the validation MSE of a job of the present sweep, if it was done before."""
    import mlflow

    tracking.connect()
    parent = os.environ.get(tracking.SWEEP_RUN)
    query = f"tags.job = '{job}' and tags.mlflow.parentRunId = '{parent}' and metrics.test_mse >= 0"
    found = mlflow.search_runs(filter_string=query, output_format="list")
    value: float | None = found[0].data.metrics[BEST] if found else None
    return value


@contextmanager
def child(overrides: list[str], job: str) -> Iterator[None]:
    """Make the run that is opened inside that of a job; a mistake before it leaves a failed one."""
    import mlflow

    known = {tracking.SWEEP_JOB: job, tracking.SWEEP_OVERRIDES: json.dumps(overrides)}
    os.environ.update(known)
    begin = int(time.time() * 1000)
    try:
        yield
    except UserError as error:
        query = f"tags.job = '{job}' and attributes.start_time >= {begin}"
        if not mlflow.search_runs(filter_string=query, output_format="list"):
            mlflow.start_run(
                run_name=tracking.job_name(),
                parent_run_id=os.environ.get(tracking.SWEEP_RUN),
                tags=tracking.origin(),
                description=str(error),
            )
            mlflow.end_run("FAILED")
        raise
    finally:
        for key in known:
            del os.environ[key]


class Sweep(Callback):
    """Opens the run of a sweep before its first job, and closes it after the last."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Open the run, or go on with that of the same overrides and code."""
        import mlflow

        tracking.connect()
        words = sorted(w for w in sys.argv[1:] if not w.startswith(("-", "hydra")))
        identity = identify(words)
        query = f"tags.sweep = '{identity}'"
        found = mlflow.search_runs(filter_string=query, output_format="list", max_results=1)
        tags = {"sweep": identity, "route": "hydra sweep", **tracking.code()}
        swept = [word for word in words if re.search(r"[,(]", word)]  # several values, or a range
        os.environ[tracking.SWEEP_KEYS] = json.dumps([word.split("=")[0] for word in swept])
        with mlflow.start_run(
            run_id=found[0].info.run_id if found else None,
            run_name=" ".join(swept or words) or "defaults",
            tags=tags,
            description=f"`python -m pipeline.sweep --multirun {' '.join(words)}`",
        ) as parent:
            os.environ[tracking.SWEEP_RUN] = parent.info.run_id
        mlflow.MlflowClient().update_run(parent.info.run_id, "RUNNING")


def close(status: str) -> list[str]:
    """Close the run of the sweep: mark what was killed, log and print how the jobs compare.

    Args:
        status: what becomes of the run, in MLflow's words.

    Returns:
        The names of the jobs that have no figures.
    """
    parent = os.environ.pop(tracking.SWEEP_RUN)
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
            mlflow.log_figure(plots.jobs(table, varied(table), BEST), "plots/jobs.png")
            summary.print_jobs(table)
    client.set_terminated(parent, status)
    done = {child.data.tags["job"] for child in children if "test_mse" in child.data.metrics}
    return [child.info.run_name for child in children if child.data.tags["job"] not in done]


def compared(children: list[Any]) -> "pd.DataFrame":
    """Return a row for each job with figures, the best first: overrides that differ, the MSEs."""
    import pandas as pd

    rows = {
        child.data.tags["job"]: dict(
            override.split("=", 1) for override in json.loads(child.data.tags["overrides"])
        )
        | {name: child.data.metrics[name] for name in SHOWN}
        for child in children
        if all(name in child.data.metrics for name in SHOWN)
    }
    table = pd.DataFrame(list(rows.values()))
    same = [name for name in varied(table) if len(table[name].drop_duplicates()) == 1]
    table = table.drop(columns=same)
    return table if table.empty else table.sort_values(BEST, ignore_index=True)


def varied(table: "pd.DataFrame") -> list[str]:
    """Return the columns of overrides."""
    return [str(name) for name in table if name not in SHOWN]
