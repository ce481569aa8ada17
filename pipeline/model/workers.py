"""The workers of a training: each has the ratings of some users; sums over all are all-reduced.

TensorFlow's own collective operations do this (``tf.distribute.MultiWorkerMirroredStrategy``). One
worker is the special case in which the sum over all workers is its own.
"""

import hashlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.arrays import Array
from pipeline.errors import UserError
from pipeline.model.rendezvous import meet
from pipeline.settings.cluster import JOBS, Task

ALONE = Task(0, 1)
GROUP, KEYS = 2**20, count()  # of an exchange among all workers; TensorFlow's groups are from 1
SHORT = 2**18  # numbers that a worker sends at once
CAUSE = re.compile("Collective ops.*")  # the line of a message that tells more than where it was
NODE = re.compile(r"{{.*?}}")  # with which TensorFlow begins many messages
SIGNALS = (signal.SIGINT, signal.SIGTERM)
LOST = (  # what collective operations raise on the others when a worker is gone
    tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
    tf.errors.DeadlineExceededError, tf.errors.InternalError, tf.errors.FailedPreconditionError,
    tf.errors.UnknownError,
)  # fmt: skip


def total(values: tf.Tensor) -> tf.Tensor:
    """Sum a tensor over all workers, in a function that ``Workers.run`` runs: the same shape."""
    if is_short([values]):
        return tf.reduce_sum(gathered([values])[0], 0)
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))


def totals(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Sum tensors of one dtype and known shapes, as ``total`` does, but in one message."""
    shapes = [each.shape for each in values]
    return _split(total(_flat(values)), shapes) if values else []


def is_short(values: list[tf.Tensor]) -> bool:
    """Whether it takes less time to send all workers all numbers than the sums around a ring."""
    others = tf.distribute.get_replica_context().num_replicas_in_sync - 1
    sizes = [each.shape.num_elements() for each in values]
    return None not in sizes and others * sum(sizes) <= SHORT


def gathered(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Collect tensors of one dtype and known shapes from all workers: [workers, ...] each.

    They travel in one message.
    """
    number = tf.distribute.get_replica_context().num_replicas_in_sync
    shapes = [[number, *each.shape] for each in values]
    return _split(exchange(tf.repeat(_flat(values)[None], number, 0)), shapes) if values else []


def _flat(values: list[tf.Tensor]) -> tf.Tensor:
    return tf.concat([tf.reshape(each, [-1]) for each in values], 0)


def _split(flat: tf.Tensor, shapes: list[Any]) -> list[tf.Tensor]:
    """Undo ``_flat``, in the last dimension."""
    lead = int(np.prod(flat.shape[:-1]))
    sizes = [int(np.prod(shape)) // lead for shape in shapes]
    return [tf.reshape(x, s) for x, s in zip(tf.split(flat, sizes, -1), shapes, strict=True)]


def exchange(values: tf.Tensor) -> tf.Tensor:
    """Send each worker its part of a tensor, in a function that ``Workers.run`` runs.

    Args:
        values: what goes to each worker: [workers, ...], of the same shape on all.

    Returns:
        What has come from each worker: [workers, ...].
    """
    number = tf.distribute.get_replica_context().num_replicas_in_sync
    if number == 1:
        return values
    return tf.raw_ops.CollectiveAllToAllV2(
        input=values, group_size=number, group_key=GROUP, instance_key=next(KEYS),
        ordering_token=[], communication_hint="auto", timeout_seconds=0,
    )  # fmt: skip


class Workers:
    """All workers, seen from one of them.

    Args:
        task: which of them this process is. It waits until all have started.

    Attributes:
        rank, number: 0 is the chief, who tracks the run and completes the model.
    """

    def __init__(self, task: Task = ALONE) -> None:
        self.rank, self.number = task
        self._totals = dict[tf.DType, Any]()
        self._strategy = (
            tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=_resolver())
            if self.number > 1
            else tf.distribute.get_strategy()
        )

    @property
    def chief(self) -> bool:
        """Whether this is the first worker."""
        return self.rank == 0

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of tensors that may use ``total``; all workers have to, in a graph."""
        return self._strategy.run(function, args=arguments)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a function of tensors that may use ``total``; all workers have to call it."""
        return tf.function(lambda *arguments: self.run(function, *arguments), autograph=False)

    def total(self, values: Any) -> Any:
        """Sum an array, or a NumPy number, over all workers: the same shape and dtype."""
        if self.number == 1:
            return values
        flat = tf.constant(np.ravel(values))
        if flat.dtype not in self._totals:
            specification = [tf.TensorSpec([None], flat.dtype)]
            self._totals[flat.dtype] = tf.function(
                lambda x: self.run(total, x), specification, autograph=False
            )
        return self._totals[flat.dtype](flat).numpy().reshape(np.shape(values))

    def each(self, values: Any) -> Any:
        """Return what each worker has: an array, or a NumPy number: [workers, ...]."""
        all_values = np.zeros((self.number, *np.shape(values)), np.asarray(values).dtype)
        all_values[self.rank] = values
        return self.total(all_values)

    def exchange(self, values: Array) -> Array:
        """Send each worker its part of an array, as ``exchange`` does: [workers, ...]."""
        return self.compiled(exchange)(tf.constant(values)).numpy()

    def wait(self) -> None:
        """Wait until all workers are here."""
        self.total(np.zeros(1, np.float32))

    def leave(self) -> None:
        """Wait until the first worker has completed the model, which needs none of the others."""
        with suppress(*LOST if self.chief else ()):
            self.wait()

    def agree(self, text: str, what: str) -> None:
        """Check that all workers were given the same.

        Args:
            text: must be the same on all.
            what: what to call it in the message.

        Raises:
            UserError: it is not.
        """
        digest = hashlib.sha256(text.encode()).digest()
        own = np.frombuffer(digest, np.uint32).astype(np.float64)
        if not np.array_equal(self.total(own), own * self.number):
            raise UserError(f"train: the workers do not have the same {what}.")


@contextmanager
def joined(task: Task) -> Iterator[Workers]:
    """Train together with the other workers.

    Raises:
        UserError: another worker is gone.
    """
    try:
        yield _all_here(task) if task.number > 1 else Workers(task)
    except LOST as error:
        if task.number == 1:
            raise
        message = NODE.sub("", str(error.message)).strip()
        said = CAUSE.search(message)
        raise UserError(
            "train: another worker is gone, or cannot be reached. Start all workers again, as many "
            "as you like: training goes on from the last checkpoint. TensorFlow says: "
            f"{said[0] if said else message.splitlines()[0]}"
        ) from error


def _all_here(task: Task) -> Workers:
    """Wait for the others; a signal ends the process even while TensorFlow connects them."""
    meet(_addresses(), task.rank)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    workers = Workers(task)
    workers.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    print(f"all {task.number} workers are here", flush=True)
    return workers


def _addresses() -> list[str]:
    """Return HOST:PORT of all workers."""
    jobs = _resolver().cluster_spec().as_dict()
    return [address for job in JOBS for address in jobs.get(job, [])]


def _resolver() -> tf.distribute.cluster_resolver.ClusterResolver:
    """Return TensorFlow's reading of what this process was told about the workers."""
    told = "TF_CONFIG" in os.environ
    return tf.distribute.cluster_resolver.TFConfigClusterResolver() if told else _Slurm()


class _Slurm(tf.distribute.cluster_resolver.SlurmClusterResolver):
    """TensorFlow's reading of Slurm's variables, which without a GPU fails.

    It is told that each worker has one, and that the strategy must not count on it.
    """

    def __init__(self) -> None:
        most = int(os.environ["SLURM_STEP_NUM_TASKS"])
        super().__init__(gpus_per_node=most, gpus_per_task=1, auto_set_gpu=False)

    def num_accelerators(self, *_: Any, **__: Any) -> dict[str, int]:
        """Return the GPUs that this worker has."""
        return {"GPU": len(tf.config.list_physical_devices("GPU"))}
