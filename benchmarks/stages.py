"""Runs stages again and again in forks of a process that has imported their libraries.

A stage starts in a tenth of a second instead of five, so that one can let each of its writes fail.
The code of the stage, its files and its end are the same as from the shell.

As a program, ``python -m benchmarks.stages`` in a clone is that process: each line of its input is
a JSON list of a stage and a dict of environment variables, and a line of its output the exit status
of that run, negative for a signal. Output of the stage goes to the file that ``OUTPUT`` names.
Where ``KILL_AFTER`` is given, the stage is killed after so many seconds.
"""

import contextlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from benchmarks.process import ROOT
from pipeline.errors import UserError

STAGES = ("download", "clean", "features", "train", "evaluate")
SMALL = (  # the pipeline that faults are tried on: all parts, each as small as it can be
    "experiment=quick", "dataset.users=120", "dataset.items=80", "dataset.ratings=2000",
    "posterior.sweeps=4", "posterior.burn_in=2", "posterior.keep_every=2",
    "posterior.members=[grades,normal]", "train.epochs=2", "evaluate.bootstrap=20",
)  # fmt: skip
LIBRARIES = (
    "mlflow", "keras", "pandas", "ibis", "duckdb", "sklearn.manifold", "matplotlib.pyplot",
    "cornac", "implicit", "pytrec_eval", "alembic", "sqlalchemy", "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store", "mlflow.system_metrics.system_metrics_monitor",
)  # fmt: skip


def environment() -> dict[str, str]:
    """Return the variables of a user, with this Python's commands first on the path."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "MLFLOW"))}
    return clean | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def layer(folder: Path) -> Path:
    """Compile the layer that lets calls fail, benchmarks/faulty.c, into a folder.

    Raises:
        UserError: there is no C compiler, or the system is not Linux.
    """
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        raise UserError("faults are injected on Linux with a C compiler (`apt install gcc`).")
    library = folder / "faulty.so"
    source = ROOT / "benchmarks" / "faulty.c"
    words = ["-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run([compiler, *words], check=True)
    return library


class Stages:
    """Runs stages in a clone.

    Args:
        clone: a clone of the repository with the settings to run.
        library: what ``layer`` returns.
    """

    def __init__(self, clone: Path, library: Path) -> None:
        self.clone, self.output = clone, library.with_name("output")
        own = {
            "LD_PRELOAD": str(library), "FAULTY_UNDER": str(clone), "OUTPUT": str(self.output),
            "PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": "1", "GIT_OPTIONAL_LOCKS": "0",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stages"],
            cwd=clone, env=environment() | own, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def run(self, stage: str, **variables: str) -> tuple[int, str]:
        """Run a stage with environment variables; return its exit status and its output."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([stage, variables]) + "\n")
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        return status, self.output.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Stop the process."""
        self.process.communicate()


@contextlib.contextmanager
def prepared(clone: Path) -> Iterator[Stages]:
    """Yield what runs stages in a clone."""
    with tempfile.TemporaryDirectory() as folder:
        stages = Stages(clone, layer(Path(folder)))
        try:
            yield stages
        finally:
            stages.close()


def serve() -> None:
    """Import the libraries, then run a stage in a fork for each line of the input."""
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        stage, variables = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(stage, variables)
        if "KILL_AFTER" in variables:
            _kill(child, float(variables["KILL_AFTER"]))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _kill(child: int, seconds: float) -> None:
    """Kill a child after so many seconds, unless it has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)


def _run(stage: str, variables: dict[str, str]) -> None:
    """Run a stage as ``python -m pipeline.STAGE`` does, then end this process."""
    output = os.open(os.environ["OUTPUT"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.update(variables)
    sys.argv = [f"pipeline/{stage}.py"]
    module = importlib.import_module(f"pipeline.{stage}")
    from pipeline.files.stage import run_stage

    status: object = 0
    try:
        run_stage(module.main, module.__doc__)
    except SystemExit as ended:
        status = ended.code
        if isinstance(status, str):
            print(status, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    serve()
