"""What a request to the service says: ids, lists that are brought, and filters."""

import math
import reprlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from pipeline.arrays import Array
from pipeline.artifact.scale import Scale
from pipeline.errors import UserError
from pipeline.recommender.bounds import WORDS
from pipeline.recommender.filters import Filters
from pipeline.recommender.ids import WHOLE, Ids
from pipeline.recommender.listed import Listed
from pipeline.recommender.statuses import status_of

EXAMPLE = '[{"title": "Cowboy Bebop", "rating": 9}]'


def ids_of(column: pd.Series, ids: Ids) -> Array:
    """Return the ids of a column, as ``Ids.rows`` takes them; those that cannot be are 0 [rows].

    Raises:
        UserError: as ``id_texts`` does.
    """
    if not ids.are_text and column.dtype.kind == "i":
        return column.to_numpy(np.int64)
    texts = id_texts(column, ids)
    if ids.are_text:
        return np.array(texts, object)
    numbers = (WHOLE.fullmatch(text.strip()) for text in texts)
    values = [int(number[1]) if number else 2**63 for number in numbers]
    return np.array([value if abs(value) < 2**63 else 0 for value in values], np.int64)


def id_texts(column: pd.Series, ids: Ids) -> list[str]:
    """Return the ids of a column as text [rows].

    Raises:
        UserError: a value is no id; the message says which.
    """
    texts = list[str]()
    for row, value in enumerate(column):
        try:
            text = id_text(value)
            if not (ids.are_text or WHOLE.fullmatch(text.strip()) or text.lstrip("-").isdecimal()):
                raise UserError(f"{shown(text)} is not a whole number.")
        except UserError as error:
            raise UserError(f"row {row}: {column.name} {error}") from error
        texts.append(text)
    return texts


def id_text(value: Any) -> str:
    """Return an id as text: 12 for 12.0 too, as JSON and tables with gaps have it.

    Raises:
        UserError: it is no whole number and no text.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if _is_null(value):
        raise UserError("is null.")
    raise UserError(f"{shown(value)} is not a whole number.")


def entries_of(value: Any, brought: str, scale: Scale) -> tuple[Listed, ...]:
    """Return the entries of a list that is brought.

    Args:
        value: what the request has in the column ``brought``.
        brought: its name.
        scale: the scale of the model.

    Raises:
        UserError: it is no list, or an entry is wrong.
    """
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(_listed(entry, scale) for entry in value)
    what = "null" if _is_null(value) else "no list"
    raise UserError(f"{brought} is {what}; it must be a list of titles, such as {EXAMPLE}.")


def _listed(entry: Any, scale: Scale) -> Listed:
    fields = entry if isinstance(entry, dict) else {}
    anime, title, value, status = map(fields.get, ("anime_id", "title", "rating", "status"))
    if (anime is None) == (title is None) or (value is None and status is None):
        raise UserError(f"{shown(entry)} needs either anime_id or title, and rating or status.")
    rating = None if value is None else _number(value)
    if rating is not None and not scale.low <= rating <= scale.high:
        raise UserError(f"{shown(entry)}: rating must be from {scale.low:g} to {scale.high:g}.")
    known = status_of(shown(status or ""))
    if title is not None:
        if not isinstance(title, str | int | float) or isinstance(title, bool):
            raise UserError(f"{shown(entry)}: title must be text.")
        return Listed("", rating, known, str(title))
    try:
        return Listed(id_text(anime), rating, known)
    except UserError as error:
        raise UserError(f"{shown(entry)}: anime_id {error}") from error


def _number(value: Any) -> float:
    """Return a rating, NaN for what is none."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def shown(value: Any) -> str:
    """Return the beginning of a value for a message, however long and deep it is."""
    return value[:99] if isinstance(value, str) else reprlib.repr(value)[:99]


def _is_null(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def check_params(params: dict[str, Any]) -> None:
    """Check what MLflow does not: nulls, NaN, long lists and numbers beyond its types.

    Raises:
        UserError: a param has them.
    """
    for name, value in params.items():
        values = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
        if len(values) > WORDS:
            raise UserError(f"{name}: {len(values):,} values; at most {WORDS:,} are allowed.")
        if any(map(_is_null, values)):
            raise UserError(f"{name} is null, or has a null in it; leave it out for the default.")
        if isinstance(value, int) and abs(value) >= 2**63:
            raise UserError(f"{name} {shown(value)}: no such number.")


def filters_of(params: dict[str, Any]) -> Filters:
    """Return which titles may be listed."""
    years = params["from_year"] or None, params["to_year"] or None
    genres, without, types = (_words(params[name]) for name in ("genres", "without", "types"))
    same = ("sequels", "min_raters", "next_in_series", "one_per_franchise", "dropped_sequels")
    return Filters(
        genres, without, types, years, planned=params["planned"],
        **{name: params[name] for name in same},
    )  # fmt: skip


def _words(values: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(map(str, values)))
