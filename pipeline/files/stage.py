"""Running a stage: alone in its working directory, and orderly at its end, whatever ends it."""

import argparse
import contextlib
import errno
import fcntl
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Never

from pipeline.errors import UserError, exit_on_user_error
from pipeline.paths import DATA

SCRATCH = DATA / ".scratch"
OWNER = SCRATCH / "owner"
RESTORE = (
    "DVC removed this stage's previous outputs before it ran. `dvc checkout` brings the data and "
    "the model back, `git restore metrics` the committed metrics; `dvc repro` with the previous "
    "settings brings all of them back from DVC's cache."
)
ADVICE = {  # what a user can do about what the system refuses
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room in your quota",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`)",
    errno.EROFS: "use a file system that can be written",
    errno.EACCES: "check the permissions",
    errno.EPERM: "check the permissions",
    errno.EIO: "check the disk",
    errno.EMFILE: "raise the limit on open files (`ulimit -n`)",
    errno.ENOMEM: "see docs/operations.md, Memory and time",
}
LATER = "The same command then goes on."


def run_stage(main: Callable[[], object], description: str | None, helps: bool = False) -> None:
    """Run the ``main`` of a stage as a command with no options but ``--help``.

    It has the directory to itself, unless it ``helps`` another process that does.

    If the stage fails or is stopped while DVC runs it, the last line says how to restore its
    previous outputs. SIGTERM stops it in the same order as Ctrl-C.
    """
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=description, formatter_class=formatter).parse_args()
    stop_on_sigterm()
    try:
        with contextlib.nullcontext() if helps else alone():
            exit_on_user_error(main)
    except KeyboardInterrupt:
        sys.exit("interrupted" + (f". {RESTORE}" if _under_dvc() else ""))
    except SystemExit as ended:
        sys.exit(f"{ended.code}\n{RESTORE}" if ended.code and _under_dvc() else ended.code)
    except BaseException as error:
        if (said := refused(error)) is None:
            _restore()
            raise
        sys.exit(f"error: {said}" + (f"\n{RESTORE}" if _under_dvc() else ""))


def refused(error: BaseException | None) -> str | None:
    """Say what the system or a UserError refused, and what to do; None for errors of other kinds.

    Where an error led to others, such as a full disk to a run that could not be closed, it is the
    one that came first.
    """
    if error is None:
        return None
    if isinstance(error, UserError):
        return str(error)
    if first := refused(error.__cause__ or error.__context__):
        return first
    if isinstance(error, MemoryError):
        return f"the memory is full ({error}); {ADVICE[errno.ENOMEM]}."
    if isinstance(error, sqlite3.Error):
        return f"SQLite, which keeps the runs of MLflow: {error}. {LATER}"
    if isinstance(error, OSError) and error.errno in ADVICE:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{os.strerror(error.errno)}; {ADVICE[error.errno]}. {LATER}"
    return None


@contextmanager
def alone() -> Iterator[None]:
    """Work in this directory while no other stage does, with a folder for temporary files.

    Another may be one that goes on after the `dvc repro` that started it was killed. The folder is
    removed at the end; that of a process that was killed, which may hold a copy of the model, here.
    """
    place, scratch, before = os.open(".", os.O_RDONLY), SCRATCH.absolute(), tempfile.tempdir
    there = DATA.exists()
    try:
        _lock(place)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        OWNER.write_text(f"{Path(sys.argv[0]).stem} (process {os.getpid()})", encoding="utf-8")
        tempfile.tempdir = str(scratch)
        yield
    finally:
        tempfile.tempdir = before
        shutil.rmtree(scratch, ignore_errors=True)
        if not there:
            with contextlib.suppress(OSError):  # it is not empty any more
                DATA.rmdir()
        os.close(place)


def _lock(place: int) -> None:
    """Lock an open directory, which leaves no file behind; wait for another that has locked it."""
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = OWNER.read_text(encoding="utf-8") if OWNER.exists() else "another process"
        print(f"waiting for {owner}, which works in this folder", file=sys.stderr, flush=True)
        fcntl.flock(place, fcntl.LOCK_EX)


def stop_on_sigterm() -> None:
    """Let SIGTERM stop this process in the same order as Ctrl-C."""

    def stop(_number: int, _frame: FrameType | None) -> Never:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def _restore() -> None:
    if _under_dvc():
        print(RESTORE, file=sys.stderr)


def _under_dvc() -> bool:
    """Whether DVC runs this stage, and so has removed its previous outputs."""
    return "DVC_STAGE" in os.environ
