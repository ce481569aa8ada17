"""Where ratings come from: a module per kind of source, named by ``dataset.source``.

A module has two names:

- ``Settings``, a dataclass on top of ``pipeline.config.Dataset``: the keys of its YAML files in
  conf/dataset.
- ``write(settings, folder)``, which writes the files of ``pipeline.tables.raw`` to an empty
  folder and returns what is known of the ratings beforehand (see metrics/download.json),
  maybe nothing.

Modules import what takes long to import where they use it: every stage reads ``Settings``.
"""

import importlib
import pkgutil
from types import ModuleType

from pipeline.errors import UserError


def find(name: str) -> ModuleType:
    """Return the module of a source.

    Raises:
        UserError: there is none of that name; the message lists those there are.
    """
    names = sorted({module.name for module in pkgutil.iter_modules(__path__)} - {"archives"})
    if name not in names:
        raise UserError(f"dataset.source: {name!r} is unknown; one of {', '.join(names)}.")
    return importlib.import_module(f"{__name__}.{name}")
