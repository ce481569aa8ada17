"""Does a service keep its memory? Requests for an hour, with bad and large ones among them.

``python -m benchmarks.soak --minutes 60`` serves the model in ``--model`` (default: that of
``dvc repro``) with ``mlflow models serve`` and sends RATE requests a second: for users of the data,
for newcomers, and now and then one that is wrong or too large. Each minute it reads the memory of
the server and asks again what it asked first, which must have the same answer.

The results go to benchmarks/results/soak.json, and from there to a line in docs/benchmarks.md;
``--readme`` only rewrites the document.
"""

import json
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks import arguments, readme
from benchmarks.process import machine
from benchmarks.serving import CLIENTS, RATE, asked, service, spread, stored
from pipeline.errors import exit_on_user_error
from pipeline.files import replace_json
from pipeline.paths import MODEL, ROOT

SETTLED = 0.2  # share of the minutes after which the memory should not grow any more
ODD = 20  # one request in so many is none of those of every day
TIMEOUT = 30  # seconds


def odd_ones(users: list[int], titles: list[int]) -> list[bytes]:
    """Return requests that are wrong, too large, or large."""
    rated = [{"anime_id": title, "rating": 7} for title in titles[:2000]]
    misspelt = [{"title": f"no title {place} has this name", "rating": 7} for place in range(300)]
    bodies: list[Any] = [
        {"dataframe_records": [{"user_id": 15.5}]},
        {"dataframe_records": [{"ratings": None}]},
        {"dataframe_records": [{"user_id": user} for user in users] * 1000},
        {"dataframe_records": [{"ratings": rated}]},
        {"dataframe_records": [{"ratings": [*rated[:5], *misspelt]}]},
        {"dataframe_records": [{"user_id": users[0]}], "params": {"k": 2000}},
        {"nonsense": 1},
    ]
    return [b"[" * 100_000, b"\xff" * 1_000_000, *(json.dumps(body).encode() for body in bodies)]


def send(address: str, body: bytes) -> tuple[int, bytes, float]:
    """Return status, answer and seconds of a request; status 0 without an answer."""
    request = urllib.request.Request(
        f"{address}/invocations", body, {"Content-Type": "application/json"}
    )
    start = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
            status, answer = reply.status, reply.read()
    except urllib.error.HTTPError as error:
        status, answer = error.code, error.read()
    except OSError:
        status, answer = 0, b""
    return status, answer, time.perf_counter() - start


def memory(address: str) -> float:
    """Return the memory of the process that listens at an address, in MB."""
    port = int(address.rpartition(":")[2])
    for child in psutil.Process().children(recursive=True):
        if any(of.laddr.port == port for of in child.net_connections() if of.status == "LISTEN"):
            return round(child.memory_info().rss / 1e6, 1)
    return 0.0


def soak(address: str, usual: list[bytes], odd: list[bytes], minutes: int) -> dict[str, Any]:
    """Send requests for some minutes; return the memory of each, and what was answered."""
    expected = [send(address, body)[1] for body in usual[:9]]
    used, differ = [memory(address)], 0
    seconds, said = list[float](), Counter[str]()
    begin = time.perf_counter()

    def one(place: int) -> None:
        time.sleep(max(0.0, begin + place / RATE - time.perf_counter()))
        bodies = usual if place % ODD else odd
        status, _, took = send(address, bodies[place // ODD % len(bodies) if bodies is odd
                                               else place % len(bodies)])  # fmt: skip
        said[f"{'usual' if place % ODD else 'odd'} {status}"] += 1
        if place % ODD:
            seconds.append(took)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for minute in range(minutes):
            places = range(minute * 60 * RATE, (minute + 1) * 60 * RATE)
            list(pool.map(one, places))
            again = [send(address, body)[1] for body in usual[:9]]
            differ += sum(one != other for one, other in zip(expected, again, strict=True))
            used.append(memory(address))
            print(f"minute {minute + 1}: {used[-1]:.0f} MB, {dict(said)}", flush=True)
    return {
        "minutes": minutes, "requests": sum(said.values()), "statuses": dict(sorted(said.items())),
        "different_answers": differ, "memory_mb": used, **spread(seconds),
    }  # fmt: skip


def line(results: dict[str, Any]) -> str:
    """Say the figures in a paragraph."""
    used = results["memory_mb"]
    settled = used[max(1, int(SETTLED * len(used)))]
    failed = sum(n for status, n in results["statuses"].items() if status[:5] == "usual")
    failed -= results["statuses"].get("usual 200", 0)
    return (
        f"{results['requests']:,} requests in {results['minutes']} minutes, one in {ODD} of them "
        f"wrong, large or too large: {failed} of the usual ones failed, and "
        f"{results['different_answers']} answers differed from the first. Memory: {used[0]:.0f} MB "
        f"at the start, {settled:.0f} MB after a fifth of the time, {used[-1]:.0f} MB at the end. "
        f"Median {results['p50_ms']} ms, 99 % {results['p99_ms']} ms. "
        f"{readme.machine(results['machine'])}"
    )


def main() -> None:
    """Serve the model, send the requests, write the results, rewrite the document."""
    parser = arguments.parser(__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / MODEL, help="default: %(default)s")
    parser.add_argument("--minutes", type=int, default=60, help="how long (default: %(default)s)")
    options = parser.parse_args()
    if not options.readme:
        import pyarrow.parquet as pq

        os.environ.pop("MLFLOW_TRACKING_URI", None)  # runs go to the temporary working folder
        folder, draws = options.model.absolute(), np.random.default_rng(0)
        counts = pq.read_table(folder / "users.parquet", columns=["user_id", "user_count"])
        known = counts["user_id"].to_numpy()[counts["user_count"].to_numpy() > 0]
        users = draws.choice(known, 200).tolist()
        titles = pq.read_table(folder / "titles.parquet")["item_id"].to_pylist()[1:]
        with tempfile.TemporaryDirectory(prefix="soak-") as name:
            work = Path(name)
            with service(*stored(folder, work), cwd=work) as address:
                odd = odd_ones(users, titles)
                found = soak(address, asked(users, titles), odd, options.minutes)
        replace_json(readme.results("soak"), {"machine": machine()} | found)
    readme.rewrite("soak", line)


if __name__ == "__main__":
    exit_on_user_error(main)
