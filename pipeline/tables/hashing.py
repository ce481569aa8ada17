"""Pseudo-random numbers from ids: the same on every engine and in any order of rows."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis

SPLIT, BLOCK = 0, 2  # purposes of a draw; different purposes give independent numbers
PRIME = 2**31 - 1  # products of two residues fit int64, so every engine computes the same hash


def uniform(user_id: "ibis.Value", item_id: "ibis.Value", seed: int, purpose: int) -> "ibis.Value":
    """Hash two ids, a seed and a purpose to a uniform number in [0, 1)."""
    salt = 3 * seed + purpose
    hashed = (user_id.cast("int64") * 1_000_003 + item_id.cast("int64") * 7_919 + salt) % PRIME
    for constant in (48_271, 69_621, 16_807):  # quadratic: decorrelates neighbouring ids
        hashed = (hashed * ((hashed + constant) % PRIME)) % PRIME
    return hashed.cast("float64") / float(PRIME)
