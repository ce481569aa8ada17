"""Errors that a user can fix, and how commands and stages report them."""

import argparse
import os
import sys
from collections.abc import Callable

RESTORE = (
    "DVC removed this stage's previous outputs before it ran. `dvc checkout` brings the data and "
    "the model back, `git restore metrics` the committed metrics; `dvc repro` with the previous "
    "settings brings all of them back from DVC's cache."
)


class UserError(Exception):
    """An error that the user can fix; its message says what is wrong, where, and what to do."""


def exit_on_user_error(main: Callable[[], object]) -> None:
    """Run ``main``; a UserError ends the process with exit status 1 and no traceback."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")


def run_stage(main: Callable[[], object], description: str | None) -> None:
    """Run the ``main`` of a stage as a command with no options but ``--help``.

    If the stage fails or is interrupted while DVC runs it, the last line says how to restore its
    previous outputs.
    """
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=description, formatter_class=formatter).parse_args()
    try:
        exit_on_user_error(main)
    except KeyboardInterrupt:
        sys.exit("interrupted" + (f". {RESTORE}" if _under_dvc() else ""))
    except SystemExit as ended:
        sys.exit(f"{ended.code}\n{RESTORE}" if ended.code and _under_dvc() else ended.code)
    except BaseException:
        if _under_dvc():
            print(RESTORE, file=sys.stderr)
        raise


def _under_dvc() -> bool:
    """Whether DVC runs this stage, and so has removed its previous outputs."""
    return "DVC_STAGE" in os.environ
