"""Workers that train together on this machine, as a user would start them."""

import subprocess
import sys

from benchmarks.process import clusters
from benchmarks.stages import environment


def start(*folders):
    """Start the workers of a training, each in its folder; returns their processes."""
    started = []
    for index, variables in enumerate(clusters(len(folders))):
        with (folders[index] / f"worker{index}.log").open("w") as log:
            started.append(subprocess.Popen(
                [sys.executable, "-m", "pipeline.train"], cwd=folders[index], stdout=log,
                stderr=log, env=environment() | variables,
            ))  # fmt: skip
    return started


def said(folder, index=0):
    """What a worker has printed."""
    return (folder / f"worker{index}.log").read_text()


def train(folder, number):
    """Train with some workers to the end."""
    for index, worker in enumerate(start(*[folder] * number)):
        assert worker.wait(timeout=300) == 0, said(folder, index)
