"""Peak speed of this machine, and the operations that the model needs at least."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.model.posterior.gibbs import Chain
from pipeline.settings.sections import Deep

SIDE = 1536  # rows and columns of the multiplied matrices
COPIED = 2**28  # bytes of the copied array
AGAIN = 5
TOUCHED = 7  # memory transfers of a weight: lookup; gradient 2; weight and accumulator 2 each


def best(run: Callable[[], Any]) -> float:
    """Return the seconds of the fastest run, after a warm-up."""
    run()
    seconds = []
    for _ in range(AGAIN):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def machine_peak(threads: int) -> dict[str, float]:
    """Measure the peak of matrix products, one per core at a time, and of memory copies."""
    matrices = [tf.random.normal([SIDE, SIDE]) for _ in range(threads)]
    products = tf.function(lambda: [tf.reduce_sum(tf.matmul(x, x)) for x in matrices])
    source = np.ones(COPIED, np.uint8)
    target = np.empty_like(source)
    return {
        "gflops": threads * 2 * SIDE**3 / best(lambda: [x.numpy() for x in products()]) / 1e9,
        "copy_gb_per_second": 2 * COPIED / best(lambda: np.copyto(target, source)) / 1e9,
    }


def sweep_flops(chain: Chain) -> float:
    """Count the least operations of a sweep: Gram matrices, Cholesky decompositions, solves."""
    total = 0.0
    for side in (chain.users, chain.items):
        width, rated = side.weights.shape[1], float(tf.reduce_sum(side.rated))
        total += chain.n * (2 * width**2 + 4 * width) + rated * (width**3 / 3 + 2 * width**2)
    return total


def example_flops(settings: Deep) -> float:
    """Count the operations of the ReLU layers per example, forward and backward (twice as many)."""
    widths = [3 * settings.embedding, *settings.units, 1]
    return sum(6 * a * b for a, b in pairwise(widths))


def example_bytes(settings: Deep) -> float:
    """Count the bytes of embeddings that an example moves: mean and variance, user and title."""
    return TOUCHED * 4 * 4 * settings.embedding
