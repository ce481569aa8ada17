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

from typing import Any

import numpy as np
from numpy.polynomial import Polynomial

from pipeline.arrays import Array, Floats, Ints
from pipeline.errors import UserError
from pipeline.evaluation.metrics import Bootstrap, percentiles
from pipeline.evaluation.trees import inputs, trees
from pipeline.tables.earlier import with_earlier
from pipeline.tables.rows import Tables

ATTRIBUTES = {"user": ("completed", "plan_to_watch"), "item": ("episodes", "year")}
SAMPLE = 100_000  # rows that the trees learn from, and that they are asked about
DEGREE = 3  # of the curve from an attribute to mean ratings
KNOWS = 0.9  # share of the variance that chance makes, below which an attribute has seen ratings
GAIN = 0.01  # share of the MSE of the mean that shuffled ratings cannot take away by chance


def probe(tables: Tables, bootstrap: Bootstrap) -> dict[str, Any]:
    """Run all probes.

    Args:
        tables: the feature tables.
        bootstrap: for the intervals.

    Returns:
        histories: how many users and titles have wrong sums; attributes: for each its distance
        from mean ratings, as a share of that which chance makes, and the upper end of the interval;
        shuffled_test, shuffled_train: share of the mean's MSE that is taken away, and the lower
        end.

    Raises:
        UserError: an input of the model contains ratings that it must not; the message names it.
    """
    wrong, ratios = histories(tables), attributes(tables, bootstrap)
    gains = shuffled(tables, bootstrap)
    guilty = [f"{wrong} users or titles"] if wrong else []
    guilty += [name for name, (_, high) in ratios.items() if high < KNOWS]
    guilty += [name for name, (_, low) in gains.items() if low > GAIN]
    found = {"histories": wrong, "attributes": ratios, **gains}
    if guilty:
        raise UserError(
            f"evaluate: LEAK: {', '.join(guilty)} know ratings that they must not "
            f"({found}). No figure of this model can be trusted; pipeline/evaluation/leaks.py "
            "describes what was looked for."
        )
    return found


def histories(tables: Tables) -> int:
    """Count the users and titles whose sum or number of ratings is not that of training."""
    train, wrong = tables.parts["train"], 0
    for name in ("user", "item"):
        for of, weights in (("sum", train["rating"]), ("count", None)):
            stored = tables.sums[f"{name}_{of}"]
            right = np.bincount(train[name], weights, len(stored))
            wrong += int(np.count_nonzero(stored != right))
    return wrong


def attributes(tables: Tables, bootstrap: Bootstrap) -> dict[str, tuple[float, float]]:
    """Compare how far mean ratings are from what attributes predict with how far chance is."""
    parts = tables.parts.values()
    rating = np.concatenate([part["rating"] for part in parts]).astype(np.float64)
    found = {}
    for name, side in (("user", tables.users), ("item", tables.items)):
        rows = np.concatenate([part[name] for part in parts])
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


def shuffled(tables: Tables, bootstrap: Bootstrap) -> dict[str, tuple[float, float]]:
    """Let trees learn from training ratings in random order.

    Returns:
        For shuffled_test and shuffled_train the share of the mean's MSE that they take away, and
        the lower end of its interval.
    """
    draws = np.random.default_rng(bootstrap.seed)
    train = tables.parts["train"]
    rating = draws.permutation(train["rating"])
    rows = with_earlier(train, rating)
    order = draws.permutation(len(rating))
    half = min(len(order) // 2, SAMPLE)
    learn, ask = order[:half], order[half : 2 * half]
    test, true = _with_sums_of(rating, tables)
    some = draws.permutation(len(true))[:SAMPLE]

    columns, codes = inputs(_take(rows, learn), tables.users, tables.items)
    model = trees(columns, rating[learn], codes)
    found = {}
    for name, asked, truth in (
        ("shuffled_test", _take(test, some), true[some]),
        ("shuffled_train", _take(rows, ask), rating[ask]),
    ):
        predicted = model.predict(inputs(asked, tables.users, tables.items)[0])
        plain = (truth - rating.mean()) ** 2
        less = plain - (truth - predicted) ** 2
        scale = float(plain.mean()) or 1.0
        found[name] = float(less.mean()) / scale, bootstrap.mean(less, asked["user"])[0] / scale
    return found


def _with_sums_of(rating: Ints, tables: Tables) -> tuple[dict[str, Array], Floats]:
    """Return the test rows with sums in which ``rating`` replaces the training ratings.

    Whatever else is in the sums stays in them: that is what the probe is after.
    """
    rows, true = tables.rows("test")
    train = tables.parts["train"]
    change = rating.astype(np.int64) - train["rating"]
    for name, side in (("user", tables.users), ("item", tables.items)):
        of_each = np.bincount(train[name], change, len(side.numbers)).astype(np.int32)
        rows[f"{name}_sum"] = rows[f"{name}_sum"] + of_each[rows[name]]
    return rows, true


def _take(rows: dict[str, Array], chosen: Ints) -> dict[str, Array]:
    return {name: column[chosen] for name, column in rows.items()}
