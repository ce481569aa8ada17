"""Workers that train together on this machine, as a user would start them."""

import subprocess
import sys

from benchmarks.process import clusters
from benchmarks.stages import environment


def begin(folder, variables, index):
    """Start a worker of which a log is written; returns its process."""
    with (folder / f"worker{index}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.train"], cwd=folder, stdout=log, stderr=log,
            env=environment() | variables,
        )  # fmt: skip


def start(*folders):
    """Start the workers of a training, each in its folder; returns their processes."""
    told = clusters(len(folders))
    return [begin(folder, told[index], index) for index, folder in enumerate(folders)]


def said(folder, index=0):
    """What a worker has printed."""
    return (folder / f"worker{index}.log").read_text()


def train(folder, number):
    """Train with some workers to the end."""
    for index, worker in enumerate(start(*[folder] * number)):
        assert worker.wait(timeout=300) == 0, said(folder, index)
