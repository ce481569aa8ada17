"""Workers that train together on this machine, as a user would start them."""

import subprocess
import sys

from benchmarks.process import clusters, trainer, trainer_log
from benchmarks.stages import environment
from pipeline.paths import ROOT


def begin(folder, variables, index):
    """Start a worker of which a log is written; returns its process."""
    return trainer(folder, index, environment() | variables)


def start(*folders):
    """Start the workers of a training, each in its folder; returns their processes."""
    told = clusters(len(folders))
    return [begin(folder, told[index], index) for index, folder in enumerate(folders)]


def said(folder, index=0):
    """What a worker has printed."""
    return trainer_log(folder, index).read_text()


def train(folder, number):
    """Train with some workers to the end."""
    for index, worker in enumerate(start(*[folder] * number)):
        assert worker.wait(timeout=300) == 0, said(folder, index)


def each(module, folder, number):
    """Let workers run a module of the tests that writes a file; returns the files."""
    paths = [folder / f"{rank}.npz" for rank in range(number)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", module, path], cwd=ROOT / "tests",
            env=environment() | variables | {"PYTHONPATH": str(ROOT)},
        )
        for path, variables in zip(paths, clusters(number), strict=True)
    ]  # fmt: skip
    assert [process.wait(timeout=60) for process in started] == [0] * number
    return paths
