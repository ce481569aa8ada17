"""What a model must beat: the training mean, and biases of user and title."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


def biases(
    user: Ints,
    item: Ints,
    rating: Floats,
    sweeps: int = 10,
    user_reg: float = 15,
    item_reg: float = 10,
) -> tuple[float, Floats, Floats]:
    """Fit rating = mean + user bias + item bias by alternating least squares.

    Args:
        user, item: indices [n] of the training rows.
        rating: their ratings [n].
        sweeps, user_reg, item_reg: as BaselineOnly of scikit-surprise has them (Koren 2010,
            "Factor in the neighbors").

    Returns:
        The mean, the bias of each user [max + 1] and of each title [max + 1]; 0 without ratings.
    """
    mean = float(rating.mean())
    above = rating - mean
    users, items = np.zeros(user.max() + 1), np.zeros(item.max() + 1)
    for _ in range(sweeps):
        items = np.bincount(item, above - users[user]) / (np.bincount(item) + item_reg)
        users = np.bincount(user, above - items[item]) / (np.bincount(user) + user_reg)
    return mean, users, items


def predict(mean: float, users: Floats, items: Floats, user: Ints, item: Ints) -> Floats:
    """Predict each pair from the biases; a user or title without one counts as average."""
    known_user, known_item = user < len(users), item < len(items)
    return (
        mean
        + np.where(known_user, users[np.where(known_user, user, 0)], 0)
        + np.where(known_item, items[np.where(known_item, item, 0)], 0)
    )
