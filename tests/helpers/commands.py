"""Run commands as a user does."""

import subprocess
import sys

from benchmarks.stages import environment


def run(*command, cwd, **variables):
    """Run a command as a user does; returns the finished process, with its output as text."""
    done = subprocess.run(
        command, cwd=cwd, env=environment() | variables, capture_output=True, text=True, check=False
    )
    done.output = done.stdout + done.stderr
    return done


def python(*arguments, cwd, **variables):
    """Run this Python as a user does."""
    return run(sys.executable, *arguments, cwd=cwd, **variables)
