"""Speed of training: compared with stock Keras, and with the peak of the machine.

``python -m benchmarks.training`` measures three things. An epoch of the network with our training
loop and with ``keras.Model.fit`` and Adam, in turns on the same rows, for several numbers of users
and widths of the embeddings. The time of both to the same validation MSE, on generated ratings of
as many users and titles as Kaggle's. And the share of the machine's peak, in matrix products and
memory copies, that the network and a sweep of the posterior reach.

The results go to benchmarks/results/training.json, and from there to tables in docs/benchmarks.md;
``--readme`` only rewrites the document.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from benchmarks import arguments, readme
from benchmarks.accuracy import Dataset, prepare
from benchmarks.process import machine
from pipeline.artifact.scale import Scale
from pipeline.compose import compose
from pipeline.config import check
from pipeline.errors import exit_on_user_error
from pipeline.files import replace_json
from pipeline.paths import FEATURES
from pipeline.settings.sections import Config

USERS, ITEMS = 270_000, 25_000  # about as many as Kaggle's
SIZES = (  # users, embedding, rows
    (10_000, 32, 2**18),
    (90_000, 32, 2**18),
    (USERS, 32, 2**18),
    (USERS, 16, 2**18),
    (USERS, 64, 2**18),
    (USERS, 32, 2**20),
)
EPOCHS = 3
COMPONENTS = "model.deep.history_components=64"  # as in experiment=full
TABLES = {  # overrides of conf/
    "as many users and titles as Kaggle's": (
        "dataset.users=270033", "dataset.items=24905", "dataset.ratings=2400000",
    ),
    "`dvc repro`": (),
}  # fmt: skip


def settings(*overrides: str) -> Config:
    """Compose conf/ with overrides."""
    return check(OmegaConf.create(compose([*overrides])))


def speed(users: int, embedding: int, rows: int) -> dict[str, Any]:
    """Time epochs of both in turns, after one epoch of warm-up each."""
    import keras

    from benchmarks.networks import Ours, Stock, ratings

    keras.utils.set_random_seed(0)
    config = settings(f"model.deep.embedding={embedding}", COMPONENTS)
    shard = ratings(rows, users, ITEMS)
    seconds: dict[str, list[float]] = {"ours": [], "stock": []}
    contenders = {
        name: kind(config, shard, 1 + EPOCHS) for name, kind in (("ours", Ours), ("stock", Stock))
    }
    for _ in range(1 + EPOCHS):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender.epoch()
            seconds[name].append(time.perf_counter() - start)
    rate = {name: rows / statistics.median(took[1:]) for name, took in seconds.items()}
    print(f"{users:>8,} users, {embedding} wide, {rows:,} rows: "
          f"{rate['ours']:,.0f} against {rate['stock']:,.0f} examples/s", flush=True)  # fmt: skip
    return {
        "users": users, "embedding": embedding, "rows": rows,
        **{name: round(figure) for name, figure in rate.items()},
        "ratio": round(rate["ours"] / rate["stock"], 2),
    }  # fmt: skip


def race(features: Path) -> dict[str, Any]:
    """Train both on the same ratings; time both to the best MSE of the worse one."""
    import keras

    from benchmarks.networks import Ours, Stock
    from pipeline.model.shard import read_shard
    from pipeline.model.workers import Workers

    config, curves = settings(COMPONENTS), {}
    shard = read_shard(features, 1, Workers())
    valid = {"user": shard.valid_user, "item": shard.valid_item}, shard.valid_rating
    for name, kind in (("ours", Ours), ("stock", Stock)):
        keras.utils.set_random_seed(0)
        contender = kind(config, shard, EPOCHS)
        curve, took = [], 0.0
        for _ in range(EPOCHS):
            start = time.perf_counter()
            contender.epoch()
            took += time.perf_counter() - start
            mse = float(contender.model.errors(*valid)) / shard.valid.total
            curve.append({"seconds": round(took, 2), "valid_mse": round(mse, 4)})
            print(f"{name}: {curve[-1]}", flush=True)
        curves[name] = curve
    target = max(min(point["valid_mse"] for point in curve) for curve in curves.values())
    reached = {
        name: next(point["seconds"] for point in curve if point["valid_mse"] <= target)
        for name, curve in curves.items()
    }
    return {"rows": shard.rows.total, "curves": curves, "target": target, "seconds": reached}


def shares(features: Path, ours: float) -> dict[str, Any]:
    """Return the shares of the machine's peak of a sweep, and of ``ours`` examples per second."""
    import tensorflow as tf

    from benchmarks import peak
    from pipeline.model.posterior.gibbs import Chain
    from pipeline.model.posterior.ratings import condition
    from pipeline.model.shard import read_shard
    from pipeline.model.workers import Workers

    config, workers = settings(), Workers()
    assert config.posterior is not None
    assert config.model.deep is not None
    shard = read_shard(features, 1, workers)
    data = condition(config.posterior, shard, 0, workers)
    width = config.posterior.embedding
    chain = Chain(data, Scale(1, 10), width, True, False, False, seed=0, workers=workers)
    sweep = tf.function(chain.sweep, autograph=False)
    seconds, most = peak.best(lambda: float(sweep())), peak.machine_peak(os.cpu_count() or 1)
    flops = peak.sweep_flops(chain) / seconds / 1e9
    deep = config.model.deep
    return {
        **{name: round(figure, 1) for name, figure in most.items()},
        "ratings": shard.rows.total,
        "sweep_seconds": round(seconds, 3),
        "sweep_gflops": round(flops, 1),
        "sweep_share": round(flops / most["gflops"], 3),
        "network_share": round(ours * peak.example_flops(deep) / most["gflops"] / 1e9, 3),
        "network_copy_share": round(
            ours * peak.example_bytes(deep) / most["copy_gb_per_second"] / 1e9, 3
        ),
    }


def table(results: dict[str, Any]) -> str:
    """Format the figures as Markdown."""
    lines = [["users", "embedding", "rows of an epoch", "examples/s", "stock Keras", "ratio"]]
    lines += [
        [
            f"{size['users']:,}", f"{size['embedding']}", f"{size['rows']:,}",
            f"{size['ours']:,}", f"{size['stock']:,}", f"{size['ratio']:.1f}",
        ]
        for size in results["sizes"]
    ]  # fmt: skip
    run = results["race"]
    ours, stock = run["seconds"]["ours"], run["seconds"]["stock"]
    text = (
        f"{readme.markdown(lines)}\n\nTo a validation MSE of {run['target']:.3f} on "
        f"{run['rows']:,} generated ratings of {USERS:,} users: "
        f"{ours:.0f} s against {stock:.0f} s.\n"
    )
    head = ["", "training ratings", "seconds of a sweep", "share of the peak of matrix products"]
    rows = [
        [title, f"{found['ratings']:,}", f"{found['sweep_seconds']:.2f}",
         f"{found['sweep_share']:.0%}"]
        for title, found in results["peak"].items()
    ]  # fmt: skip
    first = next(iter(results["peak"].values()))
    return (
        f"{text}\n{readme.markdown([head, *rows])}\n\nThat peak is {first['gflops']:.0f} GFLOP/s, "
        f"that of copying memory {first['copy_gb_per_second']:.0f} GB/s; the ReLU layers of the "
        f"network, at {USERS:,} users, reach {first['network_share']:.0%} of the one, its "
        f"embeddings {first['network_copy_share']:.0%} of the other. "
        f"{readme.machine(results['machine'])}"
    )


def main() -> None:
    """Measure the speeds, write the results, rewrite the document."""
    if not arguments.parser(__doc__).parse_args().readme:
        from pipeline.model import use_threads

        use_threads(None)
        sizes = [speed(*size) for size in SIZES]
        ours = next(s["ours"] for s in sizes if (s["users"], s["embedding"]) == (USERS, 32))
        found: dict[str, Any] = {"machine": machine(), "sizes": sizes, "peak": {}}
        for title, overrides in TABLES.items():
            with tempfile.TemporaryDirectory(prefix="training-") as name:
                prepare(Path(name), Dataset(title, ("dataset=synthetic", *overrides)), Path())
                features = Path(name) / FEATURES
                found.setdefault("race", race(features)) if overrides else None
                found["peak"][title] = shares(features, ours)
        replace_json(readme.results("training"), found)
    readme.rewrite("training", table)


if __name__ == "__main__":
    exit_on_user_error(main)
