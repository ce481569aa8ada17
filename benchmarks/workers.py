"""Training on several workers and cores of one machine: time, memory of each worker, test MSE.

``python -m benchmarks.workers`` trains in turns with one worker of one thread, two workers of one
thread each, and one worker of two threads, on the real ratings and on generated ones: a tenth of
Kaggle's ratings, users and titles, with few sweeps and epochs. Nothing else should run meanwhile.
Then one of two workers is killed at random moments; what goes on must end as if nothing had
happened. ``--only`` does a part of this, and keeps the other results.

The results go to benchmarks/results/workers.json, and from there to a table in docs/scale.md;
``--readme`` only rewrites the document.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from benchmarks import arguments, readme
from benchmarks.accuracy import DATASETS, Dataset, prepare
from benchmarks.process import ROOT, UNIT, clusters, machine, trainer, trainer_log
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import replace_json
from pipeline.paths import METRICS, MODEL, PARAMS

DOCUMENT = ROOT / "docs" / "scale.md"
FEW = (
    "posterior.sweeps=14", "posterior.keep_every=3", "train.epochs=1", "dataset.users=27000",
    "dataset.items=2490", "dataset.ratings=2430000", "model.deep.history_components=64",
    "posterior.history_components=64",
)  # fmt: skip
TABLES = {
    "mal_real": DATASETS["mal_real"],
    "generated": Dataset("generated", ("dataset=synthetic", *FEW)),
}
SMALL = Dataset(
    "small",
    (
        "experiment=quick", "dataset.users=600", "dataset.items=400", "dataset.ratings=20000",
        "train.epochs=6", "train.threads=1", "train.strategy=multi_worker",
        "posterior.members=[grades,normal]", "posterior.sweeps=60", "posterior.burn_in=2",
    ),
)  # fmt: skip
KILLS, SOON = 10, 60  # seconds in which a worker has to notice that another is gone
WAYS = ((1, 1), (2, 1), (1, 2))  # workers, threads of each
HERE = "workers are here"  # said by each once all are
TOLD = "error: train: another worker is gone"
LEARNED = "shares:"  # begins the first line after what the workers do together


class Worker(Thread):
    """A process that trains, what it prints and when, and its memory."""

    def __init__(self, work: Path, environment: dict[str, str]) -> None:
        super().__init__()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.train"], cwd=work, text=True,
            stdout=subprocess.PIPE, env=os.environ | environment | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.learned, self.peak_gb = 0.0, 0.0
        self.start()

    def run(self) -> None:
        """Read to the end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(LEARNED):
                self.learned = time.perf_counter()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.peak_gb = usage.ru_maxrss * UNIT / 1e9


def trained(work: Path, workers: int, threads: int) -> dict[str, Any]:
    """Train; return the seconds of the stage and of what the workers share, memory and errors."""
    params = OmegaConf.load(work / PARAMS)
    params.train.strategy, params.train.threads = "multi_worker", threads
    OmegaConf.save(params, work / PARAMS)
    start = time.perf_counter()
    started = [Worker(work, variables) for variables in clusters(workers)]
    for worker in started:
        worker.join()
        if worker.process.returncode:
            raise UserError(f"train ended with {worker.process.returncode}; see above.")
    found = {
        "workers": workers,
        "threads": threads,
        "stage_seconds": round(time.perf_counter() - start, 1),
        "learning_seconds": round(started[0].learned - start, 1),
        "peak_gb": [round(worker.peak_gb, 2) for worker in started],
        "test_mse": round(test_mse(work), 4),
    }
    print(found, flush=True)
    return found


def start(work: Path) -> list[subprocess.Popen[bytes]]:
    """Start two workers, and wait until both are here; return their processes.

    Raises:
        UserError: one of them failed.
    """
    workers = [trainer(work, i, os.environ | told) for i, told in enumerate(clusters(2))]
    while not all(HERE in text for text in said(work)):
        if any(process.poll() for process in workers):
            raise UserError("\n".join(said(work)))
        time.sleep(0.01)
    return workers


def said(work: Path) -> list[str]:
    """Return what each of two workers has printed."""
    return [trainer_log(work, index).read_text() for index in (0, 1)]


def finished(work: Path) -> tuple[float, str]:
    """Train to the end; return how long the workers learned together, and the stage's figures."""
    workers = start(work)
    begin = time.perf_counter()
    while LEARNED not in said(work)[0] and workers[0].poll() is None:
        time.sleep(0.01)
    took = time.perf_counter() - begin
    ended = [process.wait() for process in workers]
    if any(ended):
        raise UserError("\n".join(said(work)))
    figures = work / METRICS / "train.json"
    return took, figures.read_text(encoding="utf-8")


def kill(work: Path, after: float, which: int) -> str:
    """Kill one of two workers some seconds after both are here; return what the other printed."""
    workers = start(work)
    time.sleep(after)
    workers[which].kill()
    began = time.perf_counter()
    status = workers[1 - which].wait(timeout=SOON)
    took, text = time.perf_counter() - began, said(work)[1 - which].strip()
    last = text.splitlines()[-1]
    print(
        f"killed {which} after {after:.1f} s; {took:.1f} s later: {status}, {last[:60]}", flush=True
    )
    return text


def kills(number: int) -> dict[str, int]:
    """Kill a worker at random moments; count what was as it should be."""
    random, found = np.random.default_rng(0), {"kills": number, "told": 0, "same_figures": 0}
    with tempfile.TemporaryDirectory(prefix="workers-") as folder:
        work = Path(folder)
        prepare(work, SMALL, Path())
        took, whole = finished(work)
        for _ in range(number):
            text = kill(work, random.uniform(0, 0.9) * took, int(random.integers(2)))
            found["told"] += text.count(TOLD) == 1 and "Traceback" not in text
            found["same_figures"] += finished(work)[1] == whole
    return found


def test_mse(work: Path) -> float:
    """Return the test MSE of a model."""
    from pipeline.paths import FEATURES
    from pipeline.recommender.scorer import Scorer
    from pipeline.tables.rows import read_pairs

    pairs, rating = read_pairs(work / FEATURES, "test")
    error = Scorer(work / MODEL).predict(pairs["user"], pairs["item"]) - rating
    return float(np.mean(error**2))


def table(results: dict[str, Any]) -> str:
    """Format the figures as Markdown."""
    lines = [["ratings", "workers", "threads of each", "whole stage", "learning", "learning faster",
              "memory of a worker", "test MSE"]]  # fmt: skip
    for name, found in results["tables"].items():
        first = found[0]
        lines += [
            [
                name, f"{way['workers']}", f"{way['threads']}", f"{way['stage_seconds']:.0f} s",
                f"{way['learning_seconds']:.0f} s",
                f"{first['learning_seconds'] / way['learning_seconds']:.2f}",
                " and ".join(f"{gb:.2f} GB" for gb in way["peak_gb"]), f"{way['test_mse']:.4f}",
            ]
            for way in found
        ]  # fmt: skip
    text = f"{readme.markdown(lines)}\n\n"
    if found := results.get("kills"):
        text += (
            f"One of two workers was killed {found['kills']} times: the other said so "
            f"{found['told']} times, and training went on to the same figures "
            f"{found['same_figures']} times. "
        )
    return text + readme.machine(results["machine"])


def main() -> None:
    """Measure, write the results, rewrite the document."""
    parser, names = arguments.parser(__doc__, real_data=True), [*TABLES, "kills"]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="what to measure")
    options = parser.parse_args()
    if not options.readme:
        path = readme.results("workers")
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"tables": {}}
        for name in [name for name in TABLES if name in options.only]:
            with tempfile.TemporaryDirectory(prefix="workers-") as folder:
                prepare(Path(folder), TABLES[name], options.data)
                found["tables"][name] = [trained(Path(folder), *way) for way in WAYS]
            replace_json(path, found | {"machine": machine()})
        if "kills" in options.only:
            found["kills"] = kills(KILLS)
        replace_json(path, found | {"machine": machine()})
    readme.rewrite("workers", table, DOCUMENT)


if __name__ == "__main__":
    exit_on_user_error(main)
