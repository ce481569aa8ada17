"""Time of a sweep with two workers and with the basic launcher, and whether it loses runs.

``python -m benchmarks.sweeps`` runs the same twelve jobs on the real ratings several times, each
time into a fresh tracking store.

The results go to benchmarks/results/sweeps.json, and from there to a sentence in
docs/benchmarks.md; ``--readme`` only rewrites the document.
"""

import os
import tempfile
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks import arguments, readme
from benchmarks.accuracy import DATASETS, overrides, present
from benchmarks.process import machine, measured
from pipeline.errors import exit_on_user_error
from pipeline.files import replace_json

DATASET = "mal_real"
SWEPT = ["model=wide,deep,wide_deep", "train.batch_size=1024,2048,4096,8192", "train.epochs=10"]
JOBS = 12
PARALLEL = ["hydra/launcher=parallel", "hydra.launcher.workers=2"]
ROUNDS: tuple[tuple[str, list[str]], ...] = (
    ("parallel", PARALLEL),
    ("basic", []),
    ("parallel", PARALLEL),
    ("parallel", PARALLEL),
)


def swept(settings: list[str], launcher: list[str]) -> dict[str, Any]:
    """Run the sweep into a fresh store.

    Returns:
        seconds: of the whole command; finished: number of child runs with a test MSE; parents:
        number of runs with children; overheads: what ``overheads`` returns.
    """
    with tempfile.TemporaryDirectory(prefix="sweeps-") as home:
        os.environ["DVC_ROOT"] = home  # runs go there
        command = ("pipeline.sweep", "--multirun", *settings, *SWEPT, "posterior=none", *launcher)
        took = measured(*command)
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{home}/mlflow.db")
        runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
        jobs = [run for run in runs if "job" in run.data.tags]
        done = [run for run in jobs if run.info.status == "FINISHED"]
        return {
            "seconds": round(took.seconds, 1),
            "finished": sum("test_mse" in run.data.metrics for run in done),
            "parents": len({run.data.tags["mlflow.parentRunId"] for run in jobs}),
            "overheads": [round(seconds, 2) for seconds in overheads(client, jobs)],
        }


def overheads(client: Any, jobs: list[Any]) -> list[float]:
    """Return the seconds from the last epoch of a job to the start of the next in its process.

    They cover saving, logging and evaluating the model, and composing the next job. The first job
    of a worker, which starts TensorFlow and builds the tables, is not counted.
    """
    found = []
    for process in {job.data.tags["process"] for job in jobs}:
        own = sorted((job for job in jobs if job.data.tags["process"] == process),
                     key=lambda job: job.info.start_time)  # fmt: skip
        for job, after in pairwise(own):
            curve = client.get_metric_history(job.info.run_id, "valid_mse")
            last = max(point.timestamp for point in curve)
            found.append((after.info.start_time - last) / 1000)
    return found


def table(results: dict[str, Any]) -> str:
    """Format the results as a sentence."""
    parallel, basic = (
        [r for r in results["rounds"] if r["launcher"] == launcher]
        for launcher in ("parallel", "basic")
    )
    seconds = [found["seconds"] for found in parallel]
    between = [one for found in parallel for one in found["overheads"]]
    share = sum(seconds) / len(seconds) / basic[0]["seconds"]
    all_there = sum(found["finished"] == JOBS and found["parents"] == 1 for found in parallel)
    return (
        f"{JOBS} jobs of the network on {DATASET}: {', '.join(f'{s:.0f} s' for s in seconds)} with "
        f"two workers, {basic[0]['seconds']:.0f} s with the basic launcher, a ratio of "
        f"{share:.2f}. {all_there} of {len(parallel)} times all {JOBS} runs were there, below one "
        f"parent. From the last epoch of a job to the run of the next {median(between):.1f} s "
        f"(at most {max(between):.1f} s). {readme.machine(results['machine'])}"
    )


def main() -> None:
    """Run the sweeps, write the results, rewrite the document."""
    options = arguments.parser(__doc__, real_data=True).parse_args()
    if not options.readme:
        data = options.data.absolute()
        present([DATASET], data)
        settings, rounds = overrides(DATASETS[DATASET], data), []
        for launcher, words in ROUNDS:
            rounds.append({"launcher": launcher} | swept(settings, words))
            print(rounds[-1], flush=True)
        replace_json(readme.results("sweeps"), {"machine": machine(), "rounds": rounds})
    readme.rewrite("sweeps", table)


if __name__ == "__main__":
    exit_on_user_error(main)
