"""Whether anything that is known of a row beforehand knows its rating; evaluate fails if so.

Three probes look at the very tables and functions that the model was trained with:

- *histories*: what the tables say of a user's or title's ratings is of the training rows alone,
  to the last rating.
- *attributes*: no number that describes a user, or a title, is nearer to the mean of their ratings
  than chance lets honest knowledge be. The mean of N ratings strays from the taste behind them by
  their variance / N; something that strays less, such as a published mean, has seen them.
- *shuffled*: trees that learn from training ratings in random order must not predict better than
  the mean, neither the test rows nor training rows that they did not learn from.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.polynomial import Polynomial

from pipeline.arrays import Array
from pipeline.errors import UserError
from pipeline.evaluation.metrics import Bootstrap, Floats, Ints, percentiles
from pipeline.evaluation.trees import inputs, trees
from pipeline.tables.earlier import with_earlier
from pipeline.tables.entities import Entities
from pipeline.tables.rows import read_rows

ATTRIBUTES = {"user": ("completed", "plan_to_watch"), "item": ("episodes", "year")}
SAMPLE = 100_000  # rows that the trees learn from, and that they are asked about
DEGREE = 3  # of the curve from an attribute to mean ratings
KNOWS = 0.9  # share of the variance that chance makes, below which an attribute has seen ratings
GAIN = 0.01  # share of the MSE of the mean that shuffled ratings cannot take away by chance


def probe(features: Path, users: Entities, items: Entities, bootstrap: Bootstrap) -> dict[str, Any]:
    """Run all probes.

    Args:
        features: folder of the feature tables.
        users, items: the same tables as the model sees them.
        bootstrap: for the intervals.

    Returns:
        histories: how many users and titles the tables are wrong about; attributes: for each its
        share of the variance that chance makes, and the upper end of the interval;
        shuffled_test, shuffled_train: share of the mean's MSE that is taken away.

    Raises:
        UserError: something knows ratings it should not; the message says what.
    """
    wrong, ratios = histories(features), attributes(features, users, items, bootstrap)
    gains = shuffled(features, users, items, bootstrap)
    guilty = [f"{wrong} users or titles"] if wrong else []
    guilty += [name for name, (_, high) in ratios.items() if high < KNOWS]
    guilty += [name for name, (_, low) in gains.items() if low > GAIN]
    found = {"histories": wrong, "attributes": ratios, **gains}
    if guilty:
        raise UserError(
            f"evaluate: LEAK: {', '.join(guilty)} know ratings that they must not "
            f"({found}). No figure of this model can be trusted; pipeline/evaluation/leaks.py "
            "tells what was looked for."
        )
    return found


def histories(features: Path) -> int:
    """Count the users and titles whose sum or number of ratings is not that of training."""
    table = pq.read_table(features / "train.parquet", columns=["user", "item", "rating"])
    rating, wrong = table["rating"].to_numpy(), 0
    for name in ("user", "item"):
        told = pq.read_table(features / f"{name}s.parquet")
        rows = table[name].to_numpy()
        for of, weights in (("sum", rating), ("count", None)):
            right = np.bincount(rows, weights, told.num_rows)
            wrong += int(np.count_nonzero(told[f"{name}_{of}"].to_numpy() != right))
    return wrong


def attributes(
    features: Path, users: Entities, items: Entities, bootstrap: Bootstrap
) -> dict[str, tuple[float, float]]:
    """Compare how far mean ratings are from what attributes say with how far chance takes them."""
    parts = [
        pq.read_table(features / f"{part}.parquet", columns=["user", "item", "rating"])
        for part in ("train", "valid", "test")
    ]
    rating = np.concatenate([part["rating"].to_numpy() for part in parts]).astype(np.float64)
    found = {}
    for name, side in (("user", users), ("item", items)):
        rows = np.concatenate([part[name].to_numpy() for part in parts])
        count = np.bincount(rows, minlength=len(side.numbers))
        often = np.flatnonzero((count > 1) & (np.arange(len(count)) > 0))
        total, squared = (np.bincount(rows, rating**p, len(count))[often] for p in (1, 2))
        n = count[often]
        mean = total / n
        chance = (squared - n * mean**2) / (n - 1)
        for column, attribute in enumerate(ATTRIBUTES[name]):
            value = side.numbers[often, column]
            there = value != 0  # a missing one is at the mean
            if len(np.unique(value[there])) > DEGREE:
                ratio = _ratio(value[there], mean[there], n[there], chance[there], bootstrap)
                found[f"{name}.{attribute}"] = ratio
    return found


def _ratio(
    value: Floats, mean: Floats, n: Ints, chance: Floats, bootstrap: Bootstrap
) -> tuple[float, float]:
    """Share of the variance that chance makes, and the upper end of its interval."""
    curve = Polynomial.fit(value, mean, DEGREE, w=np.sqrt(n))
    free = len(n) / max(1, len(n) - DEGREE - 1)
    sums = np.stack([n * (mean - curve(value)) ** 2 * free, chance], 1)
    strays, by_chance = bootstrap.totals(sums).T
    with np.errstate(divide="ignore", invalid="ignore"):
        high = percentiles(strays / by_chance)[1]
    return float(sums[:, 0].sum() / sums[:, 1].sum()), high


def shuffled(
    features: Path, users: Entities, items: Entities, bootstrap: Bootstrap
) -> dict[str, tuple[float, float]]:
    """Let trees learn from shuffled training ratings.

    Returns:
        For shuffled_test and shuffled_train the share of the mean's MSE that they take away, and
        the lower end of its interval.
    """
    draws = np.random.default_rng(bootstrap.seed)
    table = pq.read_table(features / "train.parquet")
    before = table["rating"].to_numpy()
    rating = draws.permutation(before)
    rows = with_earlier(table, rating)
    order = draws.permutation(len(rating))
    half = min(len(order) // 2, SAMPLE)
    learn, ask = order[:half], order[half : 2 * half]

    test, true = read_rows(features, "test")
    some = draws.permutation(len(true))[:SAMPLE]
    moved = rating.astype(np.int64) - before
    for name, side in (("user", users), ("item", items)):  # what else is in the sums stays in them
        change = np.bincount(table[name].to_numpy(), moved, len(side.numbers)).astype(np.int32)
        test[f"{name}_sum"] = test[f"{name}_sum"] + change[test[name]]
    columns, codes = inputs(_take(rows, learn), users, items)
    model = trees(columns, rating[learn], codes)

    found = {}
    for name, asked, truth in (
        ("shuffled_test", _take(test, some), true[some]),
        ("shuffled_train", _take(rows, ask), rating[ask]),
    ):
        predicted = model.predict(inputs(asked, users, items)[0])
        plain = (truth - rating.mean()) ** 2
        less = plain - (truth - predicted) ** 2
        scale = float(plain.mean()) or 1.0
        found[name] = float(less.mean()) / scale, bootstrap.mean(less, asked["user"])[0] / scale
    return found


def _take(rows: dict[str, Array], chosen: Ints) -> dict[str, Array]:
    return {name: column[chosen] for name, column in rows.items()}
