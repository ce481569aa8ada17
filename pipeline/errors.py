"""A user's mistakes, told apart from the program's, and what to do after a stage failed."""

import argparse
import os
import sys
from collections.abc import Callable

RESTORE = (
    "DVC removed the last outputs of this stage before it ran. `dvc checkout` brings the data and "
    "the model back, `git restore metrics` the committed figures; `dvc repro` on the earlier "
    "settings brings back all of them, from its cache."
)


class UserError(Exception):
    """Something the user can mend: the message says what is wrong, where, and what to do."""


def exit_on_user_error(main: Callable[[], object]) -> None:
    """Run ``main``; a UserError ends the process with its message alone and exit status 1."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")


def run_stage(main: Callable[[], object], story: str | None) -> None:
    """Run the ``main`` of a stage, which takes no arguments; ``--help`` prints its ``story``.

    If it fails or is interrupted while DVC runs it, the last line says how to get its previous
    outputs back.
    """
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=story, formatter_class=formatter).parse_args()
    try:
        exit_on_user_error(main)
    except KeyboardInterrupt:
        sys.exit("interrupted" + (f". {RESTORE}" if _removed() else ""))
    except SystemExit as ended:
        sys.exit(f"{ended.code}\n{RESTORE}" if ended.code and _removed() else ended.code)
    except BaseException:
        if _removed():
            print(RESTORE, file=sys.stderr)
        raise


def _removed() -> bool:
    return "DVC_STAGE" in os.environ  # DVC sets it for the command of a stage
