"""Whether the intervals of predictions hold as many ratings as they should."""

from typing import Any

import numpy as np

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.intervals import Intervals
from pipeline.artifact.scale import Scale
from pipeline.evaluation.metrics import Bootstrap
from pipeline.recommender.intervals import Known, interval, levels


def held(
    stored: Intervals, tails: Array, rating: Floats, rows: dict[str, Array], scale: Scale
) -> tuple[Floats, Floats]:
    """Return whether each rating is in its interval (1 or 0), and how wide that is: [n] each.

    Args:
        stored: what intervals are computed from.
        tails: chance of more than each grade but the highest [n, grades - 1].
        rating: the ratings [n].
        rows: user, item, user_count and item_count of each [n].
        scale: the scale of the ratings.
    """
    spreads = stored.users[rows["user"]], stored.titles[rows["item"]]
    known = Known(rows["user_count"], rows["item_count"], *spreads)
    low, high = interval(tails, levels(stored, known), scale)
    return ((low <= rating) & (rating <= high)).astype(np.float64), high - low


def figures(held: Floats, width: Floats, user: Ints, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the share of ratings in their intervals, its interval, and their mean width.

    Arguments are those that ``held`` returns, and the user of each row.
    """
    return {
        "held": float(held.mean()),
        "held_ci95": bootstrap.mean(held, user),
        "width": float(width.mean()),
    }
