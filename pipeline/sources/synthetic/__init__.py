"""Generated ratings with the files, marginal distributions and dirt of Kaggle's MyAnimeList data.

Taste is planted: the latent score of a rating is user bias + title bias + match + noise, where the
match is the dot product of the user's and the title's taste vectors. So the lowest possible test
error is known.
"""

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.settings.sections import Dataset

DENSEST = 0.6  # largest allowed share of users x items that is rated


@dataclass
class Settings(Dataset):
    """Settings of a generated data set.

    Attributes:
        users: number of users with ratings; the file of users lists more.
        noise: share of the latent scores' variance that is noise, which nothing can predict.
    """

    seed: int
    users: int
    items: int
    ratings: int
    noise: float


def write(settings: Settings, folder: Path) -> dict[str, Any]:
    """Write the three CSV files to ``folder``; the same settings give the same bytes.

    Returns:
        noise_floor: the lowest possible test MSE, that of a predictor who knows all but the noise.

    Raises:
        UserError: a setting is out of range; the message names it and what is allowed.
    """
    check(settings)
    from pipeline.sources.synthetic import generate

    return {"noise_floor": generate.write(settings, folder)}


def check(s: Settings) -> None:
    """Refuse settings out of range.

    Raises:
        UserError: the first such setting, and its range.
    """
    most = int(DENSEST * s.users * s.items)
    sizes = {"users": (20, inf), "items": (20, 2**19), "ratings": (s.users, most)}
    others = {"seed": (0, inf), "noise": (0, 0.99), "min_rating": (1, 1), "max_rating": (10, 10)}
    for name, (low, high) in (sizes | others).items():
        value = getattr(s, name)
        if not low <= value <= high:
            why = f", {DENSEST:.0%} of dataset.users x dataset.items" * (name == "ratings")
            raise UserError(f"dataset.{name} = {value}: must be from {low} to {high}{why}.")
