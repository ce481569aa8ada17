"""What workers exchange, run by each as ``python -m helpers.exchange FILE``: the result's file."""

import sys

import numpy as np
import tensorflow as tf

from pipeline.model.network.gradients import Exchange
from pipeline.model.workers import SHORT, joined, total
from pipeline.settings.cluster import this_task

LONG = SHORT + 5
ROWS = (3, 2)  # of a batch, of each worker
TABLES = ((4, 3), (5000, 3))  # the first travels whole, of the other the rows of the batches
INDICES = (([1, 3, 1], [3]), ([4999, 0, 4999], [4999, 7]))  # of each table, by worker


def sent(rank):
    """The gradients of a worker: of weights, and of rows of two tables."""
    random = np.random.default_rng(rank)
    rows = [random.normal(size=(len(of[rank]), 3)).astype("float32") for of in INDICES]
    return random.normal(size=(2, 2)).astype("float32"), *rows


def main(path):
    """Exchange, and write what this worker has then."""
    with joined(this_task("multi_worker")) as workers:
        rank, gradients = workers.rank, Exchange(ROWS[workers.rank], workers)
        weights, *rows = sent(rank)
        sparse = [
            tf.IndexedSlices(tf.constant(values), tf.constant(of[rank]), tf.constant(table))
            for values, of, table in zip(rows, INDICES, TABLES, strict=True)
        ]
        given = [tf.constant(weights), *sparse]
        dense, *tables = workers.compiled(lambda: gradients(given, [])[0])()
        given.append(tf.fill([LONG], rank + 1.0))  # so long that it travels around the ring
        *around, ring = workers.compiled(lambda: gradients(given, [])[0])()
        sums = workers.compiled(lambda: [total(tf.fill([n], rank + 1.0)) for n in (3, LONG)])()
        np.savez(
            path, dense=dense, each=workers.each(np.array([rank, 7])),
            exchanged=workers.exchange(np.array([[rank, to] for to in (0, 1)])),
            short=sums[0], long=sums[1], ring=ring, around=around[0],
            **{f"values{i}": table.values for i, table in enumerate(tables)},
            **{f"rows{i}": table.indices for i, table in enumerate(tables)},
            **{f"around{i}": table.values for i, table in enumerate(around[1:])},
        )  # fmt: skip
        workers.wait()


if __name__ == "__main__":
    main(sys.argv[1])
