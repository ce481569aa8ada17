"""Draws of titles from ratings at random, by each worker: ``python -m helpers.titles FILE``."""

import sys

import numpy as np
import tensorflow as tf

from helpers.training import shard_of
from pipeline.model.posterior.titles import Titles
from pipeline.model.shard import divide
from pipeline.model.workers import joined
from pipeline.settings.cluster import this_task

USERS, TITLES, WIDTH = 40, 15, 3
LIMITS = None, 0, 6, np.inf  # most ratings of a title that travel themselves
RANDOM = np.random.default_rng(0)
RATED = RANDOM.random((USERS, TITLES)) < np.linspace(0.02, 0.7, TITLES)
RATED[0], RATED[:, 3] = False, False  # a user and a title without ratings
DESIGN, BEFORE, RESIDUAL = (
    RANDOM.normal(size=size).astype("float32")
    for size in ((USERS, WIDTH), (TITLES, WIDTH), (USERS, TITLES))
)
NOISE = RANDOM.uniform(0.5, 2, USERS).astype("float32")


def expected():
    """The most likely weights of each title under a standard normal prior; 0 without ratings."""
    weights = np.zeros((TITLES, WIDTH))
    for title, rated in enumerate(RATED.T):
        factors, noise = DESIGN[rated], NOISE[rated]
        target = RESIDUAL[rated, title] + factors @ BEFORE[title]
        precision = (factors.T * noise) @ factors + np.eye(WIDTH)
        weights[title] = np.linalg.solve(precision, (factors.T * noise) @ target)
    return weights


def drawn(workers, limit):
    """The same by ``Titles``, as each worker has it then."""
    counts = RATED.sum(0)
    users, titles = (divide(of, workers.number, 1)[workers.rank] for of in (RATED.sum(1), counts))
    user, item = np.nonzero(RATED[users.start : users.end])
    shard = shard_of(user, item, users.size, TITLES)
    shard = shard._replace(users=users, titles=titles, item_counts=counts)
    groups = Titles(shard, WIDTH, workers, limit)

    def draw(precision, moment, _):
        return tf.linalg.cholesky_solve(tf.linalg.cholesky(precision + tf.eye(WIDTH)), moment)

    def weights():
        own = slice(users.start, users.end)
        residual = np.append(RESIDUAL[own][user, item], 99)
        given = DESIGN[own], residual, BEFORE, NOISE[own]
        found, index = groups.drawn(
            *(tf.constant(x, tf.float32) for x in given),
            lambda precision, moment, title: draw(precision, moment[..., None], title)[..., 0],
        )
        return groups.of_all(tf.scatter_nd(index[:, None], found, [titles.size, WIDTH]))

    return workers.compiled(weights)().numpy()


def main(path):
    """Draw with each limit, and write what this worker has then."""
    with joined(this_task("multi_worker")) as workers:
        np.savez(path, *(drawn(workers, limit) for limit in LIMITS))
        workers.wait()


if __name__ == "__main__":
    main(sys.argv[1])
