"""The ratings that a file has, compared with the scale that the settings state."""

from typing import NamedTuple

import ibis
from ibis import _

from pipeline.errors import UserError
from pipeline.settings.sections import Dataset
from pipeline.tables.engine import Engine, collect
from pipeline.tables.judge import on_scale

USUAL = 1000  # a rating is usual if one of so many rows has it: dirt seldom repeats itself so often
ROWS = 20  # fewer rows with the same rating off the scale may be dirt, whatever their share


class Spread(NamedTuple):
    """Which ratings a file has; 0 and -1 below the scale, which are none, left out.

    Attributes:
        low, high: lowest and highest of the usual ratings, or of all if none is usual; None
            without ratings.
        unrated: number of rows with 0 or -1 below the scale, which is no rating; ``zeros`` of them
            with 0.
        whole: whether all are whole numbers.
        dtype: the type in which ratings are kept: int8 if it holds all ratings of the scale.
        rows: number of rows with a rating.
        strange, strangers: the usual rating off the scale that most rows have, if any, and the
            number of these rows.
    """

    low: float | None
    high: float | None
    whole: bool
    dtype: str
    rows: int
    strange: float | None = None
    strangers: int = 0
    unrated: int = 0
    zeros: int = 0


def spread(rows: ibis.Table, dataset: Dataset, engine: Engine) -> Spread:
    """Look which ratings the rows have.

    Args:
        rows: with the column rating, null where there is none.
        dataset: the ends of the scale.
        engine: computes it.
    """
    values = engine.keep(rows.group_by("rating").agg(n=_.count()))  # few: the rest takes no time
    absent = values.rating.isin([0, -1]) & (values.rating < dataset.min_rating)
    unrated = {row["rating"]: row["n"] for row in collect(values.filter(absent))}
    values = values.filter(values.rating.notnull() & ~absent)
    values = engine.keep(values.mutate(usual=_.n * USUAL >= _.n.sum().over()))
    facts = collect(
        values.aggregate(
            low=ibis.coalesce(_.rating.min(where=_.usual), _.rating.min()),
            high=ibis.coalesce(_.rating.max(where=_.usual), _.rating.max()),
            rows=_.n.cast("float64").sum(),  # DuckDB adds integers up to a wider type
            broken=_.count(where=_.rating != _.rating.floor()),
        )
    )[0]
    whole = not facts.pop("broken")
    small = dataset.min_rating >= -128 and dataset.max_rating <= 127
    facts["rows"] = int(facts["rows"] or 0)
    found = Spread(**facts, whole=whole, dtype="int8" if whole and small else "float32")
    found = found._replace(unrated=sum(unrated.values()), zeros=unrated.get(0, 0))
    off = values.filter(_.usual & (_.n >= ROWS) & ~on_scale(values, dataset))
    for strange in collect(off.order_by(_.n.desc(), "rating").limit(1)):
        found = found._replace(strange=strange["rating"], strangers=strange["n"])
    return found


def advice(found: Spread, dataset: Dataset) -> str:
    """Say how to set the scale that the file has; nothing if it is the one that is set."""
    if (found.low, found.high) in ((None, None), (dataset.min_rating, dataset.max_rating)):
        return ""
    if found.low == found.high:
        return f"All ratings are {found.low:g}."
    return (
        f"The ratings go from {found.low:g} to {found.high:g}; if that is their scale, set "
        f"dataset.min_rating={found.low:g} dataset.max_rating={found.high:g}."
    )


def check(found: Spread, dataset: Dataset) -> list[str]:
    """Compare the ratings with the scale.

    Returns:
        What is strange but possible, in a sentence each.

    Raises:
        UserError: so many rows have the same rating off the scale that it may not be dirt.
    """
    scale = f"the scale of {dataset.min_rating:g} to {dataset.max_rating:g}"
    if found.strange is not None:
        raise UserError(
            f"ratings: {found.strangers} of {found.rows} rows have the rating {found.strange:g}, "
            f"which is off {scale}. {advice(found, dataset)} "
            "If they are dirt, remove them from the file."
        )
    if found.low is None or found.high is None:
        return []
    if found.zeros and found.low == found.high == 1:
        raise UserError(
            f"ratings: all are 1, beside {found.zeros} rows with 0, which is no rating on {scale}. "
            "If these are thumbs down and up, set dataset.min_rating=0 dataset.max_rating=1; if "
            "not, remove the rows with 0."
        )
    if found.high - found.low <= (dataset.max_rating - dataset.min_rating) / 2:
        return [f"It is assumed that {scale} is right. {advice(found, dataset)}"]
    return []
