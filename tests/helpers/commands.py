"""Run commands as a user does."""

import os
import subprocess
import sys
from pathlib import Path


def run(*command, cwd, **variables):
    """Run a command as a user does; returns the finished process, with its output as text."""
    done = subprocess.run(
        command, cwd=cwd, env=environment() | variables, capture_output=True, text=True, check=False
    )
    done.output = done.stdout + done.stderr
    return done


def environment():
    """The environment variables of a user, with this Python's commands first on the path."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "MLFLOW"))}
    return clean | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def python(*arguments, cwd, **variables):
    """Run this Python as a user does."""
    return run(sys.executable, *arguments, cwd=cwd, **variables)
