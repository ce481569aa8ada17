"""Sources of ratings: one module per kind, chosen by ``dataset.source``.

Each module defines:

- ``Settings``, a dataclass that extends ``pipeline.config.Dataset``: the keys of the source's YAML
  files in conf/dataset.
- ``write(settings, folder)``, which writes the files of ``pipeline.tables.raw`` to an empty folder
  and returns facts about the ratings for metrics/download.json, often none.

Modules import slow libraries inside functions, because every stage reads ``Settings``.
"""

import importlib
import pkgutil
from types import ModuleType

from pipeline.errors import UserError


def find(name: str) -> ModuleType:
    """Return the module of a source.

    Raises:
        UserError: no source has this name; the message lists the sources.
    """
    names = sorted({module.name for module in pkgutil.iter_modules(__path__)} - {"archives"})
    if name not in names:
        raise UserError(f"dataset.source: {name!r} is unknown; one of {', '.join(names)}.")
    return importlib.import_module(f"{__name__}.{name}")
