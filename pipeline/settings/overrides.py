"""Hydra's overrides, read by Hydra's own parser: ``key=value``, ``+key=value``, ``~key``."""

from collections.abc import Iterable
from typing import NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from pipeline.errors import UserError


class Pair(NamedTuple):
    """What an override is called in tables and names.

    Attributes:
        key: the key or group, after ~ where it is deleted.
        value: the text after the equals sign; empty where there is none.
    """

    key: str
    value: str

    def __str__(self) -> str:
        """Write it as a person would type it."""
        return f"{self.key}={self.value}" if self.value or self.key[0] != "~" else self.key


def parsed(overrides: Iterable[str]) -> list[Override]:
    """Parse overrides.

    Raises:
        UserError: a text is no override.
    """
    try:
        return OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise UserError(f"no override of Hydra: {error}") from error


def pairs(overrides: Iterable[str]) -> list[Pair]:
    """Return keys and values of overrides, in their order."""
    found = []
    for override in parsed(overrides):
        key = override.get_key_element().lstrip("+")
        text = str(override.input_line)
        found.append(Pair(key, override.get_value_string() if "=" in text else ""))
    return found
