"""The Wide & Deep model in TensorFlow; importing this package takes seconds."""

import os

# TensorFlow prints to stderr before it reads this log level, so stderr is muted as well.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # twice as fast on small matrices
STDERR = 2
_terminal = os.dup(STDERR)
with open(os.devnull, "wb") as _null:  # noqa: PTH123
    os.dup2(_null.fileno(), STDERR)
try:
    import tensorflow as tf
finally:
    os.dup2(_terminal, STDERR)
    os.close(_terminal)


def use_threads(number: int | None) -> None:
    """Set how many cores TensorFlow uses; call this before its first operation.

    Independent operations run in parallel, each on one thread. Threads that share a sum would add
    its parts in the order they finish, and no two runs would be the same.

    Args:
        number: cores; None for ``TF_NUM_INTEROP_THREADS``, or all cores if that is not set.
    """
    share = int(os.environ.get("TF_NUM_INTEROP_THREADS", os.cpu_count() or 1))
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(number or share)
