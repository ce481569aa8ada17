"""Coverage of the 95 % intervals, on simulated ratings whose true figures are known.

``python -m benchmarks.intervals`` draws many test sets of new users from one population, measures
each as the stage evaluate does, and counts how often the interval of a figure contains the figure
of the whole population.

The results go to benchmarks/results/intervals.json, and from there to a sentence in
docs/benchmarks.md; ``--readme`` only rewrites the document.
"""

from typing import Any

import numpy as np

from benchmarks import arguments, readme
from benchmarks.process import machine
from pipeline.evaluation.metrics import Bootstrap, Figures, measure
from pipeline.files import replace_json

TIMES, USERS, RESAMPLES = 200, 500, 1000
POPULATION = 200_000  # users behind the true figures


def tested(users: int, seed: int, resamples: int) -> Figures:
    """Simulate users and imperfect predictions of their ratings, and measure the predictions.

    Users differ in mean, noise and number of ratings. Predictions know about two thirds of a
    rating's expectation, and are biased where it is far from the middle.
    """
    draws = np.random.default_rng(seed)
    count = 1 + draws.negative_binomial(1, 1 / 30, users)
    user = np.repeat(np.arange(users), count)
    taste, spread = draws.normal(0, 0.8, users), draws.gamma(4, 0.25, users)
    known, unknown = draws.normal(0, 0.9, len(user)), draws.normal(0, 0.5, len(user))
    mean = 7.3 + taste[user] + known + unknown
    rating = np.clip(np.rint(mean + spread[user] * draws.normal(size=len(user))), 1, 10)
    prediction = np.clip(7.4 + 0.7 * taste[user] + 1.1 * known, 1, 10)
    likely = -0.5 * np.log(2 * np.pi) - 0.5 * (rating - prediction) ** 2
    return measure(rating, prediction, user, Bootstrap(resamples, seed), likely)


def coverage() -> dict[str, float]:
    """Return, by figure, the share of test sets whose interval contains the true value."""
    truth = tested(POPULATION, seed=0, resamples=2).point
    held = dict.fromkeys(truth, 0)
    for time in range(1, TIMES + 1):
        for name, (low, high) in tested(USERS, time, RESAMPLES).ci95.items():
            held[name] += low <= truth[name] <= high
    return {name: number / TIMES for name, number in held.items()}


def table(results: dict[str, Any]) -> str:
    """Format the shares as a sentence."""
    shares = ", ".join(
        f"{name.replace('_', ' ')} {share:.1%}" for name, share in results["coverage"].items()
    )
    return (
        f"In {results['times']} test sets of {results['users']} users each, the 95 % interval held "
        f"the truth: {shares}."
    )


def main() -> None:
    """Measure the coverage, write the results, rewrite the document."""
    if not arguments.parser(__doc__).parse_args().readme:
        found = {"times": TIMES, "users": USERS, "coverage": coverage()}
        replace_json(readme.results("intervals"), {"machine": machine()} | found)
    readme.rewrite("intervals", table)


if __name__ == "__main__":
    main()
