"""Which ratings are for training, for validation and for the test: the first step of features.

Every rating gets a place in a line from 0 to 1. The first ``test_share`` of the line is the test
set, the first ``valid_share`` of the rest is for validation, and what remains is trained on. How
places are given is the method:

- ``random``: by a hash of user and title.
- ``per_user``: the same, but evenly along the line for each user, so that everyone has their share.
- ``cold_user``, ``cold_item``: by a hash of the user, or the title, alone: all of their ratings are
  on one side, and the model meets strangers.
- ``temporal``: newest first, so that the test is the future of what was trained on.
- ``predefined``: the test set is the source's own; the rest is ``random``.

A place never depends on the order of rows; in random and cold splits on no other row at all, and
in per_user on rows of the same user alone.
"""

import ibis
from ibis import _

from pipeline.errors import UserError
from pipeline.settings.sections import Features
from pipeline.tables.engine import collect
from pipeline.tables.hashing import PLACE, uniform

TRAIN, VALID, TEST = range(3)  # the parts: numbers, as 24 million words take time and memory


def placed(ratings: ibis.Table, method: str, seed: int) -> ibis.Table:
    """Add ``place`` to the ratings, from 0 to 1; see the top of this file."""
    draw = uniform(ratings.user_id, ratings.item_id, seed, PLACE)
    anyone = ibis.literal(0)
    match method:
        case "per_user":
            mine = ibis.window(group_by="user_id", order_by=["place", "item_id"])
            rows = ratings.mutate(place=draw)
            rank, n = ibis.row_number().over(mine), _.count().over(group_by="user_id")
            return rows.mutate(place=(rank + 0.5) / n)
        case "cold_user":
            return ratings.mutate(place=uniform(ratings.user_id, anyone, seed, PLACE))
        case "cold_item":
            return ratings.mutate(place=uniform(anyone, ratings.item_id, seed, PLACE))
        case "temporal":
            times = ratings.group_by("timestamp").agg(n=_.count())
            newer = ibis.window(order_by=ibis.desc("timestamp"), preceding=(None, 1))
            times = times.mutate(place=_.n.sum().over(newer).fill_null(0) / times.n.sum())
            return ratings.left_join(times.drop("n"), "timestamp").drop("timestamp_right")
    return ratings.mutate(place=draw)


def method_of(ratings: ibis.Table, asked: str) -> str:
    """Settle ``features.split`` for these ratings: auto is predefined if there is a test set.

    Raises:
        UserError: the ratings have no test set of their own, or no timestamps, for what was asked.
    """

    def holds(question: ibis.Value) -> bool:
        return bool(collect(ratings.aggregate(answer=question))[0]["answer"])

    if asked == "auto":
        return "predefined" if holds(ratings.is_test.any()) else "random"
    if asked == "predefined" and not holds(ratings.is_test.any()):
        raise UserError(
            "features.split=predefined, but the data set has no test set of its own; set "
            "dataset.test_scores where it has one, or use another split."
        )
    if asked == "temporal" and not holds(ratings.timestamp.notnull().all()):
        raise UserError(
            "features.split=temporal, but not every rating has a timestamp (a column of "
            "users-score-2023.csv); use another split."
        )
    return asked


def split(ratings: ibis.Table, settings: Features, method: str) -> ibis.Table:
    """Give each rating its ``part``: TRAIN, VALID or TEST.

    Args:
        ratings: user_id, item_id, rating, timestamp, is_test.
        settings: shares, seed and the least number of training ratings.
        method: what ``method_of`` says.

    Returns:
        user_id, item_id, rating, part. Training rows of users or titles with fewer than
        ``min_ratings`` of them are left out.
    """
    predefined = method == "predefined"
    rows = placed(ratings, method, settings.seed)
    test_share = 0 if predefined else settings.test_share
    tested = rows.is_test if predefined else rows.place < test_share
    validated = rows.place < test_share + (1 - test_share) * settings.valid_share
    part = ibis.cases((tested, TEST), (validated, VALID), else_=TRAIN)
    rows = rows.select("user_id", "item_id", "rating", part=part.cast("int8"))
    if settings.min_ratings == 1:
        return rows
    train = rows.filter(_.part == TRAIN)
    enough = train
    for key in ("user_id", "item_id"):
        frequent = train.group_by(key).having(_.count() >= settings.min_ratings).agg()
        enough = enough.semi_join(frequent, key)
    return rows.filter(_.part != TRAIN).union(enough)
