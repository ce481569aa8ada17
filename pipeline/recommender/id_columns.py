"""Reads the id columns of a file of pairs."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays import Array
from pipeline.errors import UserError
from pipeline.recommender.rating_files.raw import key

IDS = ("user_id", "anime_id")
WHOLE = r"^[+-]?\d{1,30}(\.0*)?$"  # 12.0 is how pandas writes 12 in a column with an empty cell
EXACT = 2**53  # a float of this size may have lost digits


def id_columns(path: Path, columns: list[str], added: list[str]) -> dict[str, str]:
    """Return the name in a file of each of IDS, whatever its capitals, spaces and underscores.

    Raises:
        UserError: one is missing, or there is a column that would be ``added``.
    """
    found = {}
    for name in IDS:
        alike = [column for column in columns if key(column) == key(name)]
        if name in columns or len(alike) == 1:
            found[name] = name if name in columns else alike[0]
        elif alike:
            raise UserError(f"{path}: {' and '.join(alike)} may both be {name}; rename one.")
    if missing := [name for name in IDS if name not in found]:
        raise UserError(f"{path}: no column {', '.join(missing)}; it has {', '.join(columns)}.")
    if taken := [name for name in added if name in columns]:
        raise UserError(f"{path} already has a column {taken[0]}; rename it, or leave it out.")
    return found


def read_ids(where: str, name: str, cells: pa.Array, before: int, are_text: bool) -> Array:
    """Convert a column of ids to int64, or to str where ``are_text``.

    Args:
        where: what row numbers count, for messages.
        name: one of IDS.
        cells: integers, floats or text [n].
        before: rows of the file before these.
        are_text: whether the ids are text.

    Raises:
        UserError: an id is missing, or is not a whole number, or may have lost digits.
    """
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    kind, what = cells.type, "text" if are_text else "a whole number"
    if pa.types.is_integer(kind):
        read = cells.cast(pa.string())
    elif pa.types.is_floating(kind) and not are_text:
        whole = pc.and_(pc.equal(pc.floor(cells), cells), pc.less(pc.abs(cells), EXACT))
        read = pc.if_else(whole, cells, None).cast(pa.int64()).cast(pa.string())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        read = pc.utf8_trim_whitespace(cells.cast(pa.string()))
    else:
        raise UserError(f"{where} 1: {name} has the type {kind}, not {what}.")
    valid = pc.not_equal(read, "") if are_text else pc.match_substring_regex(read, WHOLE)
    wrong = pc.index(pc.fill_null(valid, False), False).as_py()
    if wrong >= 0:
        value, row = cells[wrong].as_py(), before + wrong + 1
        missing = value is None or not str(value).strip()
        reason = f"no {name}" if missing else f"{name} {value!r} is not {what}"
        raise UserError(f"{where} {row}: {reason}.")
    if are_text:
        return np.array(read.to_pylist(), object)
    digits = pc.replace_substring_regex(read, r"^\+|\.0*$", "")
    try:
        return digits.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        large = next(i for i, digit in enumerate(digits.to_pylist()) if abs(int(digit)) >= 2**63)
        raise UserError(
            f"{where} {before + large + 1}: {name} {cells[large].as_py()!r} is larger than any id."
        ) from None
