"""Leak probes: does any model input contain the rating it predicts? If so, evaluate fails.

The probes read the tables and call the functions that the model was trained with:

- *histories*: the sum and number of ratings of each user and title must be exactly those of the
  training rows.
- *watched*: no pair that is known as watched without a rating may be one of training, validation or
  test. Else the model would know which titles a user has watched from the very rows to predict.
- *attributes*: no numeric attribute of a user or title may fit their mean ratings better than
  sampling noise allows. Around the taste behind it, the mean of N ratings has the variance of the
  ratings / N. An attribute with a smaller residual, such as a published mean score, was computed
  from these very ratings.
- *shuffled*: trees fitted to shuffled training ratings must not predict better than the mean,
  neither test rows nor training rows they were not fitted to.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from pipeline.arrays import Array, Floats, Ints
from pipeline.errors import UserError
from pipeline.evaluation.metrics import Bootstrap, percentiles
from pipeline.evaluation.trees import fit_trees, inputs
from pipeline.tables.earlier import with_earlier
from pipeline.tables.rows import Tables

ATTRIBUTES = {"user": ("completed", "plan_to_watch"), "item": ("episodes", "year")}
SAMPLE = 100_000  # most rows that the trees are fitted to, and most rows that they predict
DEGREE = 3  # degree of the polynomial from an attribute to mean ratings
MIN_RATED = 50  # users or titles; among fewer an honest attribute may fit too well by chance
MIN_RATIO = 0.9  # ratio of residual to sampling variance below which an attribute is a leak
MAX_GAIN = 0.01  # share of the MSE of the mean; a larger gain from shuffled ratings is a leak


def probe(tables: Tables, bootstrap: Bootstrap) -> dict[str, Any]:
    """Run all probes.

    Args:
        tables: the feature tables.
        bootstrap: for the intervals.

    Returns:
        histories: number of users and titles with wrong sums; watched: number of ratings whose pair
        is known as unrated; attributes: for each, the ratio of residual to sampling variance and
        the upper end of its interval; shuffled_test and shuffled_train: gain as a share of the MSE
        of the mean, and the lower end of its interval.

    Raises:
        UserError: a probe found a leak; the message names the probe.
    """
    wrong, known = histories(tables), watched(tables)
    ratios, gains = attributes(tables, bootstrap), shuffled(tables, bootstrap)
    failed = [f"histories ({wrong} users or titles)"] if wrong else []
    failed += [f"watched ({known} ratings)"] if known else []
    failed += [name for name, (_, high) in ratios.items() if high < MIN_RATIO]
    failed += [name for name, (_, low) in gains.items() if low > MAX_GAIN]
    results = {"histories": wrong, "watched": known, "attributes": ratios, **gains}
    if failed:
        raise UserError(
            "evaluate: LEAK: the model's inputs contain ratings that it must predict. Failed "
            f"probes: {', '.join(failed)}. All results: {results}. No figure of this model can be "
            "trusted; pipeline/evaluation/leaks.py describes the probes."
        )
    return results


def histories(tables: Tables) -> int:
    """Count the users and titles whose sum or number of ratings is not that of training."""
    train, wrong = tables.parts["train"], 0
    for name in ("user", "item"):
        for figure, weights in (("sum", train["rating"]), ("count", None)):
            stored = tables.sums[f"{name}_{figure}"]
            right = np.bincount(train[name], weights, len(stored))
            wrong += int(np.count_nonzero(~np.isclose(stored, right, rtol=1e-9, atol=1e-6)))
    return wrong


def watched(tables: Tables) -> int:
    """Count the ratings, of all parts, whose pair is known as watched without a rating."""

    def pairs(user: Ints, item: Ints) -> Ints:
        return user.astype(np.int64) * len(tables.items.numbers) + item

    known = pairs(*tables.watched)
    rated = (pairs(part["user"], part["item"]) for part in tables.parts.values())
    return sum(int(np.isin(part, known).sum()) for part in rated)


class MeanRatings(NamedTuple):
    """Mean ratings of the users, or titles, that have two or more.

    Attributes:
        rows: their rows in the user or item table [m].
        n: number of ratings of each [m].
        mean: mean rating of each [m].
        variance: sample variance of the ratings of each [m].
    """

    rows: Ints
    n: Ints
    mean: Floats
    variance: Floats


def attributes(tables: Tables, bootstrap: Bootstrap) -> dict[str, tuple[float, float]]:
    """Compare the variance that each attribute leaves in mean ratings with their sampling variance.

    Returns:
        For each attribute that MIN_RATED users or titles have, the ratio of the two and the upper
        end of its interval; not a number where the ratings of every user, or title, are equal.
    """
    parts = tables.parts.values()
    rating = np.concatenate([part["rating"] for part in parts]).astype(np.float64)
    ratios = {}
    for name, side in (("user", tables.users), ("item", tables.items)):
        rows = np.concatenate([part[name] for part in parts])
        rated = _mean_ratings(rows, rating, len(side.numbers))
        for column, attribute in enumerate(ATTRIBUTES[name]):
            value = side.numbers[rated.rows, column]
            present = value != 0  # features replaces a missing value by the mean, scaled to 0
            if present.sum() >= MIN_RATED and len(np.unique(value[present])) > DEGREE:
                some = MeanRatings(*(field[present] for field in rated))
                ratios[f"{name}.{attribute}"] = _variance_ratio(value[present], some, bootstrap)
    return ratios


def _mean_ratings(rows: Ints, rating: Floats, size: int) -> MeanRatings:
    """Return the mean ratings of the users or titles ``rows`` [n] of a table of ``size`` rows."""
    counts = np.bincount(rows, minlength=size)
    chosen = np.flatnonzero((counts > 1) & (np.arange(size) > 0))  # row 0 is anyone unknown
    total, squared = (np.bincount(rows, rating**power, size)[chosen] for power in (1, 2))
    n = counts[chosen]
    mean = total / n
    return MeanRatings(chosen, n, mean, (squared - n * mean**2) / (n - 1))


def _variance_ratio(value: Floats, rated: MeanRatings, bootstrap: Bootstrap) -> tuple[float, float]:
    """Ratio of residual to sampling variance for attribute values [m], and its upper limit."""
    curve = Polynomial.fit(value, rated.mean, DEGREE, w=np.sqrt(rated.n))
    dof = len(value) / max(1, len(value) - DEGREE - 1)  # corrects for the fitted coefficients
    residual = rated.n * (rated.mean - curve(value)) ** 2 * dof
    sums = np.stack([residual, rated.variance], 1)
    residuals, variances = bootstrap.totals(sums).T
    with np.errstate(divide="ignore", invalid="ignore"):
        high = percentiles(residuals / variances)[1]
        return float(np.divide(*sums.sum(0))), high


def shuffled(tables: Tables, bootstrap: Bootstrap) -> dict[str, tuple[float, float]]:
    """Fit trees to shuffled training ratings, and predict test rows and other training rows.

    Returns:
        For shuffled_test and shuffled_train, the gain as a share of the MSE of the mean, and the
        lower end of its interval.
    """
    random = np.random.default_rng(bootstrap.seed)
    train = tables.parts["train"]
    rating = random.permutation(train["rating"])
    rows = with_earlier(train, rating)
    order = random.permutation(len(rating))
    half = min(len(order) // 2, SAMPLE)
    fitted, held_back = order[:half], order[half : 2 * half]
    test, test_rating = _test_rows(rating, tables)
    sample = random.permutation(len(test_rating))[:SAMPLE]

    columns, codes = inputs(_take(rows, fitted), tables.users, tables.items)
    model = fit_trees(columns, rating[fitted], codes)
    gains = {}
    for name, part, truth in (
        ("shuffled_test", _take(test, sample), test_rating[sample]),
        ("shuffled_train", _take(rows, held_back), rating[held_back]),
    ):
        predicted = model.predict(inputs(part, tables.users, tables.items)[0])
        gains[name] = _gain(truth, predicted, rating.mean(), part["user"], bootstrap)
    return gains


def _gain(
    rating: Array, predicted: Floats, mean: Any, user: Ints, bootstrap: Bootstrap
) -> tuple[float, float]:
    """Share of the MSE of the ``mean`` that predictions [n] remove, and its lower limit."""
    of_mean = (rating - mean) ** 2
    removed = of_mean - (rating - predicted) ** 2
    scale = float(of_mean.mean()) or 1.0
    return float(removed.mean()) / scale, bootstrap.mean(removed, user)[0] / scale


def _test_rows(rating: Ints, tables: Tables) -> tuple[dict[str, Array], Floats]:
    """Return the test rows with ``rating`` in place of the training ratings in their histories.

    Only the difference is added, so that a leak in the stored sums stays in them.
    """
    rows, test_rating = tables.rows("test")
    train = tables.parts["train"]
    change = rating.astype(np.float64) - train["rating"]
    for name, side in (("user", tables.users), ("item", tables.items)):
        changes = np.bincount(train[name], change, len(side.numbers))
        rows[f"{name}_sum"] = rows[f"{name}_sum"] + changes[rows[name]]
    return rows, test_rating


def _take(rows: dict[str, Array], chosen: Ints) -> dict[str, Array]:
    return {name: column[chosen] for name, column in rows.items()}
