"""Errors that a user can fix, and how commands report them."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """An error that the user can fix; its message says what is wrong, where, and what to do."""


def exit_on_user_error(main: Callable[[], object]) -> None:
    """Run ``main``; a UserError ends the process with exit status 1 and no traceback."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
