"""Random numbers that ids decide: the same on every engine, whatever the order of rows."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis

PLACE, ORDER = 0, 2  # what a number between 0 and 1 is drawn for
PRIME = 2**31 - 1  # products of two residues fit int64, so every engine computes the same hash


def uniform(user_id: "ibis.Value", item_id: "ibis.Value", seed: int, use: int) -> "ibis.Value":
    """Hash two ids to [0, 1): the same number for the same ids, seed and use, on any engine."""
    salt = 3 * seed + use
    hashed = (user_id.cast("int64") * 1_000_003 + item_id.cast("int64") * 7_919 + salt) % PRIME
    for constant in (48_271, 69_621, 16_807):  # quadratic, or neighbouring ids would be neighbours
        hashed = (hashed * ((hashed + constant) % PRIME)) % PRIME
    return hashed.cast("float64") / float(PRIME)
