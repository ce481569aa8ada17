"""Mistakes of a user, told apart from mistakes of the program."""

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
