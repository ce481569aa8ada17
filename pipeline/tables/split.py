"""Split of the ratings into training, validation and test set: the first step of features.

Each rating gets a position between 0 and 1. Positions below ``test_share`` are the test set, the
first ``valid_share`` of the rest the validation set, and all others the training set. The method
decides the position:

- ``random``: a hash of user and title.
- ``per_user``: each user's ratings evenly spaced, in the order of that hash, so that all users have
  the same share of their ratings in each set.
- ``cold_user``, ``cold_item``: a hash of the user, or the title, alone: all ratings of one are in
  the same set, so users or titles of the test set are new to the model.
- ``temporal``: newest first, so that the test set is the newest ratings.
- ``predefined``: the test set of the source; the others as in ``random``.

Positions never depend on the order of rows. In ``random``, ``cold_user`` and ``cold_item`` they
depend on no other row, in ``per_user`` only on the user's rows.
"""

import ibis
from ibis import _

from pipeline.errors import UserError
from pipeline.settings.sections import Features
from pipeline.tables.engine import collect
from pipeline.tables.hashing import SPLIT, uniform

TRAIN, VALID, TEST = range(3)  # values of ``part``; 24 million strings would cost time and memory


def with_positions(ratings: ibis.Table, method: str, seed: int) -> ibis.Table:
    """Add ``position``, from 0 to 1, by the method; see the top of this file."""
    draw = uniform(ratings.user_id, ratings.item_id, seed, SPLIT)
    constant = ibis.literal(0)
    match method:
        case "per_user":
            of_user = ibis.window(group_by="user_id", order_by=["position", "item_id"])
            rows = ratings.mutate(position=draw)
            rank, n = ibis.row_number().over(of_user), _.count().over(group_by="user_id")
            return rows.mutate(position=(rank + 0.5) / n)
        case "cold_user":
            return ratings.mutate(position=uniform(ratings.user_id, constant, seed, SPLIT))
        case "cold_item":
            return ratings.mutate(position=uniform(constant, ratings.item_id, seed, SPLIT))
        case "temporal":
            times = ratings.group_by("timestamp").agg(n=_.count())
            newer = ibis.window(order_by=ibis.desc("timestamp"), preceding=(None, 1))
            times = times.mutate(position=_.n.sum().over(newer).fill_null(0) / times.n.sum())
            return ratings.left_join(times.drop("n"), "timestamp").drop("timestamp_right")
    return ratings.mutate(position=draw)


def method_of(ratings: ibis.Table, setting: str) -> str:
    """Resolve ``features.split``: auto is predefined if the source defines a test set, else random.

    Raises:
        UserError: the ratings have no test set, or no timestamps, which the setting needs.
    """

    def holds(condition: ibis.Value) -> bool:
        return bool(collect(ratings.aggregate(value=condition))[0]["value"])

    if setting == "auto":
        return "predefined" if holds(ratings.is_test.any()) else "random"
    if setting == "predefined" and not holds(ratings.is_test.any()):
        raise UserError(
            "features.split=predefined, but the data set has no test set of its own; set "
            "dataset.test_scores (dataset=local), or use another split."
        )
    if setting == "temporal" and not holds(ratings.timestamp.notnull().all()):
        raise UserError(
            "features.split=temporal, but not every rating has a timestamp (a column of "
            "users-score-2023.csv); use another split."
        )
    return setting


def split(ratings: ibis.Table, settings: Features, method: str) -> ibis.Table:
    """Assign each rating its ``part``: TRAIN, VALID or TEST.

    Args:
        ratings: user_id, item_id, rating, timestamp, is_test.
        settings: shares, seed and min_ratings.
        method: what ``method_of`` returns.

    Returns:
        user_id, item_id, rating, part. Training rows of users or titles with fewer than
        ``min_ratings`` training rows are left out.
    """
    predefined = method == "predefined"
    rows = with_positions(ratings, method, settings.seed)
    test_share = 0 if predefined else settings.test_share
    in_test = rows.is_test if predefined else rows.position < test_share
    in_valid = rows.position < test_share + (1 - test_share) * settings.valid_share
    part = ibis.cases((in_test, TEST), (in_valid, VALID), else_=TRAIN)
    rows = rows.select("user_id", "item_id", "rating", part=part.cast("int8"))
    if settings.min_ratings == 1:
        return rows
    train = rows.filter(_.part == TRAIN)
    enough = train
    for key in ("user_id", "item_id"):
        frequent = train.group_by(key).having(_.count() >= settings.min_ratings).agg()
        enough = enough.semi_join(frequent, key)
    return rows.filter(_.part != TRAIN).union(enough)


def check_parts(sizes: dict[str, int], settings: Features) -> None:
    """Check that each part has rows.

    Args:
        sizes: number of rows of each part, by its name.
        settings: those by which it was split.

    Raises:
        UserError: a part has none.
    """
    for name, size in sizes.items():
        if not size:
            parts = ", ".join(f"{n} {part}" for part, n in sizes.items())
            keys = ("test_share", "valid_share", "min_ratings")
            given = ", ".join(f"features.{key}={getattr(settings, key)}" for key in keys)
            raise UserError(
                f"features: the {name} part has no rows: the ratings are split into {parts} "
                f"rows by {given}. Change these or bring more ratings."
            )
