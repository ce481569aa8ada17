"""The Wide & Deep model. Importing this package starts TensorFlow, which takes seconds."""

import os

# TensorFlow greets on the terminal before it reads its own log level.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # twice as fast where matrices are small
STDERR = 2
_terminal = os.dup(STDERR)
with open(os.devnull, "wb") as _nowhere:  # noqa: PTH123
    os.dup2(_nowhere.fileno(), STDERR)
try:
    import tensorflow as tf
finally:
    os.dup2(_terminal, STDERR)
    os.close(_terminal)


def use_threads(number: int | None) -> None:
    """Let TensorFlow use so many cores, None for all of its share; before it computes anything.

    Each operation has one of them: shared out, its sums would depend on which thread is first, and
    no two runs would be the same. There is enough to do side by side.
    """
    share = int(os.environ.get("TF_NUM_INTEROP_THREADS", os.cpu_count() or 1))
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(number or share)
