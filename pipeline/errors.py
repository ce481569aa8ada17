"""Mistakes of a user, told apart from mistakes of the program."""

import argparse
import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can mend: the message says what is wrong, where, and what to do."""


def exit_on_user_error(main: Callable[[], None]) -> None:
    """Run ``main``; a UserError ends the process with its message alone and exit status 1."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")


def run_stage(main: Callable[[], None], story: str | None) -> None:
    """Run the ``main`` of a stage, which takes no arguments: ``--help`` tells its ``story``."""
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=story, formatter_class=formatter).parse_args()
    exit_on_user_error(main)
