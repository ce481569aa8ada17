"""Latency of recommendations: in a program, over HTTP, for all users, and from the shell.

``python -m benchmarks.serving`` takes the model in ``--model``, or trains one on as many users and
titles as Kaggle's, with as many draws as ``experiment=full`` keeps (from a shorter chain, which
does not change the latency). It requests the 20 best of all titles: in a warm process; from
``mlflow models serve`` on a free local port, RATE requests a second without waiting for earlier
answers; for all users at once; and from the shell, in turns with a bare ``import tensorflow``.

The results go to benchmarks/results/serving.json, and from there to a table in docs/benchmarks.md;
``--readme`` only rewrites the document.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import arguments, readme
from benchmarks.accuracy import DATASETS, prepare
from benchmarks.process import ROOT, machine, measured, served
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import replace_json
from pipeline.paths import MODEL

K = 20
CALLS, FIRST = 1000, 20  # timed calls of the warm process; warm-up calls before them
RATE, SECONDS, CLIENTS = 20, 60, 16
NEWCOMER = 5  # ratings of a new user
COLD = 7  # runs from the shell
CHAIN = (
    "posterior.sweeps=22", "posterior.burn_in=2", "posterior.keep_every=1", "train.epochs=1",
)  # fmt: skip


def trained(work: Path) -> Path:
    """Train the model in the empty folder ``work``."""
    full = DATASETS["full"]
    prepare(work, full._replace(overrides=(*full.overrides, *CHAIN)), work)
    measured("pipeline.train", cwd=work)
    return work / MODEL


def spread(seconds: list[float]) -> dict[str, float]:
    """Return median and 99th percentile, in milliseconds."""
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1000
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2)}


def warm(folder: Path) -> tuple[dict[str, Any], list[int], list[int]]:
    """Time ``recommend`` for random users; return the figures, user ids and title ids."""
    from pipeline.recommender.recommender import Recommender

    recommender, draws = Recommender(folder), np.random.default_rng(0)
    users = recommender.users.of_row[
        draws.choice(recommender.on_lists.raters, FIRST + CALLS)
    ].tolist()
    found: dict[str, Any] = {"titles": recommender.scorer.n_titles - 1}
    found |= {
        "users": len(recommender.on_lists.raters),
        "draws": len(recommender.scorer.explained.draws),
    }
    for name, why in (("with_reasons", True), ("without_reasons", False)):
        seconds = []
        for user in users:
            start = time.perf_counter()
            recommender.recommend(recommender.user(str(user)), K, why=why)
            seconds.append(time.perf_counter() - start)
        counted = seconds[FIRST:]
        found[name] = spread(counted) | {"mean_ms": round(1000 * statistics.mean(counted), 2)}
    return found, users, recommender.catalogue.ids.of_row[1:].tolist()


def stored(folder: Path, work: Path) -> tuple[str, str]:
    """Log the model to a new MLflow store; return the URIs of model and store."""
    import mlflow

    from pipeline.tracking.model import log_model

    store = f"sqlite:///{work}/mlflow.db"
    mlflow.set_tracking_uri(store)
    experiment = mlflow.create_experiment("serving", (work / "mlruns").as_uri())
    with mlflow.start_run(experiment_id=experiment) as run:
        log_model(folder)
    return f"runs:/{run.info.run_id}/model", store


@contextlib.contextmanager
def service(model: str, store: str, cwd: Path) -> Iterator[str]:
    """Run ``mlflow models serve`` on the model in the store; yield the server's address."""
    words = ("models", "serve", "-m", model, "--env-manager", "local", "-p")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"MLFLOW_TRACKING_URI": store, "PATH": path}
    with served("mlflow", *words, health="health", cwd=cwd, environment=environment) as address:
        yield address


def asked(users: list[int], titles: list[int]) -> list[bytes]:
    """Return request bodies, alternately for known users and for new users with ratings."""
    draws, rows = np.random.default_rng(1), []
    for place in range(FIRST + RATE * SECONDS):
        some = draws.choice(titles, NEWCOMER, replace=False).tolist()
        given = draws.integers(1, 11, NEWCOMER).tolist()
        pairs = zip(some, given, strict=True)
        told = [{"anime_id": title, "rating": rating} for title, rating in pairs]
        rows.append({"ratings": told} if place % 2 else {"user_id": users[place % len(users)]})
    bodies = ({"dataframe_records": [row], "params": {"k": K}} for row in rows)
    return [json.dumps(body).encode() for body in bodies]


def load(address: str, bodies: list[bytes]) -> dict[str, Any]:
    """Send requests at a fixed rate; time each from when it was due."""

    def send(due: float, body: bytes) -> float | None:
        time.sleep(max(0.0, due - time.perf_counter()))
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                right = len(json.load(answer)["predictions"]) == K
        except OSError:
            return None
        return time.perf_counter() - due if right else None

    for body in bodies[:FIRST]:
        send(time.perf_counter(), body)
    start, counted = time.perf_counter(), bodies[FIRST:]
    with ThreadPoolExecutor(CLIENTS) as pool:
        due = [start + i / RATE for i in range(len(counted))]
        seconds = list(pool.map(send, due, counted))
    answered = [second for second in seconds if second is not None]
    if not answered:
        raise UserError("the service answered no request.")
    facts = {"requests": len(seconds), "errors": len(seconds) - len(answered)}
    return facts | {"per_second": RATE} | spread(answered)


def everybody(folder: Path, work: Path) -> dict[str, float]:
    """Time the recommendation lists of all users, in a fresh process."""
    words = ["--all", "--out", str(work / "lists.parquet"), "--model", str(folder)]
    run = measured("pipeline.recommend", *words, "-k", str(K))
    return {"seconds": round(run.seconds, 1), "peak_gb": round(run.peak_gb, 2)}


def cold(folder: Path, user: int) -> dict[str, float]:
    """Time ``recommend`` from the shell, and a bare import of TensorFlow, in turns."""
    ours = ["-m", "pipeline.recommend", "--user", str(user), "-k", str(K), "--model", str(folder)]
    seconds: dict[str, list[float]] = {"recommend": [], "tensorflow": []}
    for _ in range(COLD):
        for name, words in (("recommend", ours), ("tensorflow", ["-c", "import tensorflow"])):
            start = time.perf_counter()
            subprocess.run([sys.executable, *words], check=True, cwd=ROOT, capture_output=True)
            seconds[name].append(time.perf_counter() - start)
    return {f"{name}_seconds": round(statistics.median(own), 2) for name, own in seconds.items()}


def table(results: dict[str, Any]) -> str:
    """Format the figures as a table with explanations."""
    own, http, cold, everyone = (results[name] for name in ("warm", "http", "cold", "everyone"))
    ours, plain = own["with_reasons"], own["without_reasons"]
    each = everyone["seconds"] / own["users"]
    lines = [
        [f"the {K} best of {own['titles']:,} titles, {own['users']:,} users", "median", "99 %"],
        [
            "in a warm process, all that `recommend` tells",
            f"{ours['p50_ms']} ms",
            f"{ours['p99_ms']} ms",
        ],
        ["the same without reasons", f"{plain['p50_ms']} ms", f"{plain['p99_ms']} ms"],
        [
            f"`mlflow models serve`, {http['per_second']} requests a second, half of them of "
            "newcomers",
            f"{http['p50_ms']} ms",
            f"{http['p99_ms']} ms",
        ],
    ]
    return (
        f"{readme.markdown(lines)}\n\n"
        f"{http['requests']:,} requests over HTTP, {http['errors']} errors. From the shell, start "
        f"included: {cold['recommend_seconds']:.1f} s, a bare `import tensorflow` "
        f"{cold['tensorflow_seconds']:.1f} s. All {own['users']:,} lists (`--all`): "
        f"{everyone['seconds']:.0f} s, {everyone['peak_gb']:.1f} GB, {1000 * each:.2f} ms each: "
        f"{cold['recommend_seconds'] / each:,.0f} times faster than a call of `recommend` for "
        f"each user, {plain['mean_ms'] / 1000 / each:.0f} times faster than a warm process asks "
        f"one by one. {readme.machine(results['machine'])}"
    )


def main() -> None:
    """Measure the latencies, write the results, rewrite the document."""
    parser = arguments.parser(__doc__)
    parser.add_argument("--model", type=Path, help="folder of a trained model; default: train one")
    options = parser.parse_args()
    if not options.readme:
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # runs go to the temporary working folder
        with tempfile.TemporaryDirectory(prefix="serving-") as name:
            work = Path(name)
            folder = options.model.absolute() if options.model else trained(work)
            everyone = everybody(folder, work)  # first, while this process is small
            print(f"everybody {everyone}", flush=True)
            found, users, titles = warm(folder)
            print(f"warm {found}", flush=True)
            shell = cold(folder, users[0])
            print(f"cold {shell}", flush=True)
            with service(*stored(folder, work), cwd=work) as address:
                http = load(f"{address}/invocations", asked(users, titles))
            print(f"http {http}", flush=True)
        results = {"warm": found, "http": http, "everyone": everyone, "cold": shell}
        replace_json(readme.results("serving"), {"machine": machine()} | results)
    readme.rewrite("serving", table)


if __name__ == "__main__":
    exit_on_user_error(main)
