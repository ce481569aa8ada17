"""What this machine can do at most, and what the model cannot do without."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.model.posterior.gibbs import Chain
from pipeline.settings.sections import Deep

SIDE = 1536  # of the matrices that are multiplied
COPIED = 2**28  # bytes
AGAIN = 5
TOUCHED = 7  # times a weight passes: looked up; gradient out, in; weight and accumulator in, out


def best(run: Callable[[], Any]) -> float:
    """Return the seconds of the fastest of some runs, after one that does not count."""
    run()
    seconds = []
    for _ in range(AGAIN):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def machine_peak(threads: int) -> dict[str, float]:
    """Measure matrix products, one on each core at a time, and copies of memory."""
    matrices = [tf.random.normal([SIDE, SIDE]) for _ in range(threads)]
    products = tf.function(lambda: [tf.reduce_sum(tf.matmul(x, x)) for x in matrices])
    source = np.ones(COPIED, np.uint8)
    target = np.empty_like(source)
    return {
        "gflops": threads * 2 * SIDE**3 / best(lambda: [x.numpy() for x in products()]) / 1e9,
        "copy_gb_per_second": 2 * COPIED / best(lambda: np.copyto(target, source)) / 1e9,
    }


def sweep_flops(chain: Chain) -> float:
    """Count what a sweep cannot do without: products of designs, decompositions, solutions."""
    total = 0.0
    for side in (chain.users, chain.items):
        width = side.weights.shape[1]
        rated = sum(float(tf.reduce_sum(block.there)) for block in side.blocks)
        total += rated * (2 * width**2 + 4 * width)
        total += sum(len(block.entity) for block in side.blocks) * (width**3 / 3 + 2 * width**2)
    return total


def example_flops(settings: Deep, inputs: int) -> float:
    """Count the products of the ReLU layers, forward and twice as many backward."""
    widths = [inputs, *settings.units, 1]
    return sum(6 * a * b for a, b in pairwise(widths))


def example_bytes(settings: Deep, attributes: int) -> float:
    """Count the bytes of embeddings that an example moves."""
    width = 2 * settings.embedding + attributes * settings.attribute_embedding
    return TOUCHED * 4 * width
