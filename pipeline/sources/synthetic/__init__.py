"""Invented ratings with the files, marginals and dirt of Kaggle's dbdmobile/myanimelist-dataset.

Taste is planted: the score behind a rating is a bias of the user, a bias of the title, the match of
the user's taste with the title's vector, and noise. So what can be learned is known beforehand.
"""

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.settings.sections import Dataset

DENSEST = 0.6  # the most of users x items that may be rated


@dataclass
class Settings(Dataset):
    """Settings of a generated data set.

    ``users`` counts those who rate; ``noise`` is the share of the variance of the score behind a
    rating that nothing can predict.
    """

    seed: int
    users: int
    items: int
    ratings: int
    noise: float


def write(settings: Settings, folder: Path) -> dict[str, Any]:
    """Write the three CSV files to ``folder``; the same settings give the same bytes.

    Returns:
        noise_floor: the test MSE of someone who knows everything but the noise.

    Raises:
        UserError: a setting is out of range; the message names it and what is allowed.
    """
    check(settings)
    from pipeline.sources.synthetic import generate

    return {"noise_floor": generate.write(settings, folder)}


def check(s: Settings) -> None:
    """Refuse settings that no data set can have."""
    most = int(DENSEST * s.users * s.items)
    sizes = {"users": (20, inf), "items": (20, 2**19), "ratings": (s.users, most)}
    rest = {"seed": (0, inf), "noise": (0, 0.99), "min_rating": (1, 1), "max_rating": (10, 10)}
    for name, (low, high) in (sizes | rest).items():
        value = getattr(s, name)
        if not low <= value <= high:
            why = f", {DENSEST:.0%} of dataset.users x dataset.items" * (name == "ratings")
            raise UserError(f"dataset.{name} = {value}: must be from {low} to {high}{why}.")
