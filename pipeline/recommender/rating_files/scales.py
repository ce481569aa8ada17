"""Ratings as numbers, and the scale of a list."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.errors import UserError
from pipeline.recommender.rating_files.raw import Range

NUMBER = re.compile(r"([+-]?\d{1,15}(?:[.,]\d{1,20})?)(?:\s*/\s*(\d{1,4}))?")
UNRATED = (0, -1)  # what lists have in place of a rating, unless the scale has it
TOPS = (5, 10, 20, 100)  # highest ratings of the usual scales
CERTAIN = (10, 100)  # of these, if the next lower one is too low
FEW = 4  # what is off the scale is a slip if there are so many times as many ratings on it


class Number(NamedTuple):
    """A rating as a list has it.

    Attributes:
        value: the number, None for no rating.
        of: the highest rating if it is written beside the number, as in 8/10; otherwise None.
    """

    value: float | None
    of: float | None = None


def number(text: str) -> Number:
    """Read a rating: 8, 8.5, 8,5 or 8/10; empty for none.

    Raises:
        UserError: it is not a number.
    """
    if not text:
        return Number(None)
    match = NUMBER.fullmatch(text)
    if not match or (match[2] and not float(match[2])):
        raise UserError(f"rating {text[:99]!r} is not a number.")
    return Number(float(match[1].replace(",", ".")), float(match[2]) if match[2] else None)


def scale_of(values: Sequence[float], known: Range | None, model: Range) -> tuple[Range, list[str]]:
    """Return the scale of a list's ratings, and what was assumed.

    Args:
        values: the ratings.
        known: the scale that the format has; None if it has none.
        model: the scale of the model.

    Raises:
        UserError: the ratings may be of two scales.
    """
    low, high = known or model
    rated = [value for value in values if value not in UNRATED or value >= low]
    above = [value for value in rated if value > high]
    if not known and low >= 1 and len(values) > 1 and {*values} == {0, 1}:
        raise UserError(_two("All ratings are 0 or 1", ["thumbs, out of 1", f"out of {high:g}"]))
    within = [value for value in rated if low <= value <= high]
    most = max(rated, default=high)
    if above and len(above) >= FEW * len(within) and most <= TOPS[-1]:
        tops = [top for top in TOPS if top >= most and top > high]
        if tops[0] in CERTAIN and all(value == int(value) for value in within):
            return (0, tops[0]), [f"Ratings go up to {most:g}; read as out of {tops[0]}."]
        raise UserError(_two(f"Ratings go up to {most:g}", [f"out of {top}" for top in tops]))
    if above and not known and len(within) < FEW * len(above):
        readings = [f"up to {high:g}, with {len(above)} wrong ones", f"out of {TOPS[-1]}"]
        raise UserError(_two(f"{len(above)} of {len(rated)} ratings are above {high:g}", readings))
    notes: list[str] = []
    if not known and rated and not above:
        notes = _smaller(rated, most, low, high)
    return (low, high), notes


def _smaller(rated: Sequence[float], most: float, low: float, high: float) -> list[str]:
    """Return what to say of a list whose ratings may be of a smaller scale than the model's.

    Raises:
        UserError: they may well be.
    """
    top = next((top for top in TOPS if most <= top <= high / 2), None)
    if top is None or low < 0:
        return []
    said = f"All ratings are at most {most:g}"
    if top <= high / 5 or any(0 < value < low for value in rated):
        raise UserError(_two(said, [f"out of {top}", f"out of {high:g}"]))
    if len(rated) < FEW + 1:
        return []
    return [f"{said}; read as out of {high:g}. If they are out of {top}, give --scale 0,{top}."]


def _two(said: str, readings: Sequence[str]) -> str:
    """Refuse two readings."""
    both = " or ".join(readings)
    return (
        f"{said}: they may be {both}. Say which with --scale LOW,HIGH, as in --scale 1,100, or "
        "write the ratings as 85/100."
    )


def placed(value: float, of: Range, onto: Range) -> float:
    """Return a rating of one scale on another.

    9 out of 10 are 90 out of 100. From or onto a scale with ratings below 0 the ends are mapped to
    the ends.

    Raises:
        UserError: it is not on its scale.
    """
    if not of[0] <= value <= of[1]:
        raise UserError(f"rating {value:g} is not from {of[0]:g} to {of[1]:g}.")
    if of == onto:
        return value
    if of[0] < 0 or onto[0] < 0:
        moved = onto[0] + (value - of[0]) * (onto[1] - onto[0]) / (of[1] - of[0])
    else:
        moved = value * onto[1] / of[1]
    return min(max(moved, onto[0]), onto[1])
