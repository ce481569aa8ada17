"""Commands as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path


def run(*command, cwd, **variables):
    """Run a command as a user would; returns the finished process with its output as text."""
    done = subprocess.run(
        command, cwd=cwd, env=environment() | variables, capture_output=True, text=True, check=False
    )
    done.output = done.stdout + done.stderr
    return done


def environment():
    """The environment of a user, with the commands of this Python's environment first."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "MLFLOW"))}
    return clean | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def python(*arguments, cwd, **variables):
    """Run this Python, with the commands of its environment first on the path."""
    return run(sys.executable, *arguments, cwd=cwd, **variables)
