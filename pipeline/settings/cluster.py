"""Which worker of a training this process is: told by TF_CONFIG, as to TensorFlow, or by Slurm."""

import json
import os
import re
from typing import Any, NamedTuple

from pipeline.errors import UserError

SINGLE, MULTI_WORKER = "single", "multi_worker"
STRATEGIES = (SINGLE, MULTI_WORKER)
ADDRESS = re.compile(r"\S+:(\d{1,5})")
PORTS = 2**16
JOBS = ("chief", "worker")  # of TF_CONFIG; a chief is the first worker
SHOWN = (
    '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
)


class Task(NamedTuple):
    """A worker: the first of ``number`` has rank 0."""

    rank: int
    number: int


def this_task(strategy: str) -> Task:
    """Return which worker this process is.

    Args:
        strategy: one of STRATEGIES, ``train.strategy``.

    Raises:
        UserError: TF_CONFIG is not understood; or there is none, nor Slurm, for several workers; or
            several workers are told to train, each all alone.
    """
    task = _told()
    if strategy == SINGLE:
        if task and task.number > 1:
            raise UserError(
                f"This is one of {task.number} workers, but train.strategy is single: each would "
                f"train all alone. Use -S train.strategy={MULTI_WORKER}, or start only one."
            )
        return Task(0, 1)
    if task is None:
        raise UserError(
            f"train.strategy={MULTI_WORKER}: set TF_CONFIG for each worker, such as '{SHOWN}', or "
            "start them with Slurm's `srun`."
        )
    return task


def helps() -> bool:
    """Whether this process is not the first worker, and so leaves the outputs to another."""
    try:
        task = _told()
    except UserError:
        return False  # the stage will tell
    return task is not None and task.rank > 0


def _told() -> Task | None:
    """Return what the environment tells; None if nothing.

    Raises:
        UserError: TF_CONFIG is not understood.
    """
    if text := os.environ.get("TF_CONFIG"):
        return _task(text)
    if number := os.environ.get("SLURM_STEP_NUM_TASKS"):
        return Task(int(os.environ["SLURM_PROCID"]), int(number))
    return None


def _task(text: str) -> Task:
    """Read TF_CONFIG."""
    try:
        config: Any = json.loads(text)
        jobs = {job: config.get("cluster", {}).get(job, []) for job in JOBS}
        if not any(jobs.values()):  # TensorFlow takes it for a cluster of one
            return Task(0, 1)
        for job, addresses in jobs.items():
            if isinstance(addresses, str) or not all(map(_is_address, addresses)):
                raise ValueError(f"{job} is no list of HOST:PORT")
        kind, index = config["task"]["type"], int(str(config["task"]["index"]))  # 1.7 is no index
        if not 0 <= index < len(jobs[kind]):
            raise ValueError(f"there is no {kind} {index}")
        before = len(jobs["chief"]) if kind == "worker" else 0
        return Task(before + index, sum(map(len, jobs.values())))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise UserError(
            f"TF_CONFIG is not understood ({reason}): {text!r}. It looks like '{SHOWN}'."
        ) from error


def _is_address(text: str) -> bool:
    found = ADDRESS.fullmatch(text)
    return found is not None and int(found[1]) < PORTS
