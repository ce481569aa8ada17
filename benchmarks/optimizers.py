"""How much faster sparse updates train than Keras's own: the same network, the same rows.

``python -m benchmarks.optimizers`` prints examples per second of both, and their ratio, at three
numbers of users, and writes them to benchmarks/results/optimizers.json. Random rows, 25,000 titles,
the default model; each figure is the median of three epochs after one that is not counted, and the
two take turns so that a noisy machine disturbs both.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from pipeline.compose import compose
from pipeline.config import Model, check
from pipeline.tables import replace_json

RESULTS = Path(__file__).parent / "results" / "optimizers.json"
USERS, ITEMS, BATCH, BATCHES = (10_000, 90_000, 270_000), 25_000, 4096, 64


def build(settings: Model, users: int, stock: bool) -> Any:
    """Make the model for random users and titles, with sparse or with Keras's own optimizers."""
    import keras

    from pipeline.model.data import Entities
    from pipeline.model.wide_deep import WideDeep

    random = np.random.default_rng(0)
    words = {"genres": 22, "type": 7, "source": 17, "studios": 1400}
    codes = {name: random.integers(0, size, (ITEMS + 1, 1)) for name, size in words.items()}
    numbers = [random.normal(size=(rows + 1, 2)).astype("float32") for rows in (users, ITEMS)]
    people = Entities(users, numbers[0], {}, {})
    titles = Entities(ITEMS, numbers[1], {n: c.astype("int32") for n, c in codes.items()}, words)
    model = WideDeep(settings, people, titles)
    model.compile(settings)
    if stock:
        dense = (
            keras.optimizers.Ftrl(settings.wide.learning_rate),
            keras.optimizers.Adagrad(settings.deep.learning_rate),
        )
        model.parts = [(part, own) for (part, _), own in zip(model.parts, dense, strict=True)]
    return model


def rows(users: int) -> tuple[dict[str, Any], Any]:
    """Draw random rows: the columns that the model takes, and ratings."""
    from pipeline.rows import ROW

    random, n = np.random.default_rng(1), BATCH * BATCHES
    columns = {name: random.integers(0, 100, n).astype("int32") for name in ROW}
    columns["user"] = random.integers(1, users + 1, n).astype("int32")
    columns["item"] = random.integers(1, ITEMS + 1, n).astype("int32")
    ratings = random.integers(1, 11, n).astype("float32")
    return columns, ratings


def main() -> None:
    """Measure and write."""
    import keras

    from pipeline.model.data import batches

    settings = check(OmegaConf.create(compose([]))).model
    results = []
    for users in USERS:
        keras.utils.set_random_seed(0)
        data = batches(rows(users), BATCH, seed=0)
        models = {name: build(settings, users, name == "stock") for name in ("sparse", "stock")}
        seconds: dict[str, list[float]] = {name: [] for name in models}
        for _ in range(4):
            for name, model in models.items():
                start = time.perf_counter()
                model.fit(data, steps_per_epoch=BATCHES, verbose=0, shuffle=False)
                seconds[name].append(time.perf_counter() - start)
        rate = {n: BATCH * BATCHES / statistics.median(s[1:]) for n, s in seconds.items()}
        ratio = rate["sparse"] / rate["stock"]
        results.append({"users": users, **{n: round(r) for n, r in rate.items()}, "ratio": ratio})
        print(
            f"{users:>8,} users: {rate['sparse']:>9,.0f} against {rate['stock']:>9,.0f} examples/s"
        )
    replace_json(RESULTS, results)


if __name__ == "__main__":
    main()
