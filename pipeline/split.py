"""Which ratings are for training, for validation and for the test: the first step of features."""

import ibis
from ibis import _

from pipeline.config import Features

TEST, VALID, ORDER = range(3)  # what a number between 0 and 1 is drawn for
PRIME = 2**31 - 1  # products of two residues fit int64, so every engine computes the same hash


def uniform(user_id: ibis.Value, item_id: ibis.Value, seed: int, use: int) -> ibis.Value:
    """Hash two ids to [0, 1): the same number for the same ids, seed and use, on any engine.

    So a row's place depends on no other row and not on their order.
    """
    salt = 3 * seed + use
    hashed = (user_id.cast("int64") * 1_000_003 + item_id.cast("int64") * 7_919 + salt) % PRIME
    for constant in (48_271, 69_621, 16_807):  # quadratic, or neighbouring ids would be neighbours
        hashed = (hashed * ((hashed + constant) % PRIME)) % PRIME
    return hashed / float(PRIME)


def split(ratings: ibis.Table, settings: Features, predefined: bool) -> ibis.Table:
    """Give each rating its ``part``: 'train', 'valid' or 'test'.

    Args:
        ratings: user_id, item_id, rating, is_test.
        settings: shares, seed and the least number of training ratings.
        predefined: whether the rows marked is_test are the test set, in place of a random one.

    Returns:
        user_id, item_id, rating, part. Training rows of users or titles with fewer than
        ``min_ratings`` of them are left out.
    """
    drawn = [uniform(_.user_id, _.item_id, settings.seed, use) for use in (TEST, VALID)]
    in_test = _.is_test if predefined else drawn[TEST] < settings.test_share
    in_valid = drawn[VALID] < settings.valid_share
    part = ibis.cases((in_test, "test"), (in_valid, "valid"), else_="train")
    rows = ratings.select("user_id", "item_id", "rating", part=part)
    enough = [
        (_.part == "train").sum().over(group_by=key) >= settings.min_ratings
        for key in ("user_id", "item_id")
    ]
    return rows.filter((_.part != "train") | (enough[0] & enough[1]))
