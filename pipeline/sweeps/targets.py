"""What a sweep may create: only the classes that conf/ names.

Hydra imports and calls whatever stands behind ``_target_`` in its callbacks, launchers and
sweepers, and behind ``class`` and ``()`` in its logging. Its own list of what it refuses cannot
know all that does harm.
"""

import re
from collections.abc import Iterable

from pipeline.errors import UserError
from pipeline.paths import ROOT

NAMED = re.compile(r"^\s*_target_:\s*([\w.]+)", re.MULTILINE)  # in a file of conf/
KEY = re.compile(r"_target_=(.*)")  # all of a value: a list of several is refused as a whole
ITEM = re.compile(r"_target_['\"]?\s*:\s*['\"]?([\w.]+)")
HIDDEN = re.compile(r"oc\.create|hydra\.\w*logging\b.*(\bclass\b|\(\)|\b(ext|cfg)://)")


def check_targets(words: Iterable[str]) -> None:
    """Refuse overrides that name a class or function which no file of conf/ names.

    Args:
        words: the command line of a sweep.

    Raises:
        UserError: the first such override, and what may be named.
    """
    for word in words:
        if "_target_" not in word and not HIDDEN.search(word):
            continue
        files = sorted((ROOT / "conf").rglob("*.yaml"))
        allowed = {name for file in files for name in NAMED.findall(file.read_text("utf-8"))}
        named = [name.strip("'\"") for name in KEY.findall(word) or ITEM.findall(word)]
        if HIDDEN.search(word) or len(named) != word.count("_target_") or {*named} - allowed:
            raise UserError(
                f"{word}: an override may name only the classes that conf/ names: "
                f"{', '.join(sorted(allowed))}. To use another, write it in a file of conf/sweep."
            )
