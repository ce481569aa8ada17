"""The three files of a synthetic data set, dirt included; whose taste is in ``taste``."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.sources.synthetic import Settings
from pipeline.sources.synthetic.taste import rate
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV

Array = NDArray[Any]

# Ratings 1 to 10 as counted in the real file.
GRADES = [98069, 132092, 233675, 562822, 1379480, 2766482, 5452152, 6060484, 4429914, 3210021]

LINES = 200_000  # ratings turned into text at a time

# Invented text, but for MyAnimeList's own terms. The first of a list is the most frequent.
SYLLABLES = [consonant + vowel for consonant in "kstnhmrg" for vowel in "aiou"]
KANA = list("アイウエオカキクケコサシスセソタチツテトナニヌネハヒフヘホマミム")
NAMES = ["{} {}", "{} no {}", "{}: {}", "{}, {}!", "{}☆{} 2nd Season", 'The "{}" of {}']
LISTS = ["{}", "{}, {} Ito"]  # no name twice
SYNOPSES = ['They call it "{}": the night when {} went.\n\nIt comes again.', "No description."]
GENRES = [
    "Comedy", "Fantasy", "Action", "Adventure", "Sci-Fi", "Drama", "Romance", "Slice of Life",
    "Supernatural", "Hentai", "Mystery", "Avant Garde", "Ecchi", "Sports", "Horror", "Suspense",
    "Award Winning", "Boys Love", "Gourmet", "Girls Love", "Erotica",
]  # fmt: skip
TYPES = ["TV", "Movie", "OVA", "ONA", "Music", "Special"]
SOURCES = ["Original", "Manga", "Game", "Visual novel", "Light novel", "Other"]
AGES = ["PG-13 - Teens 13 or older", "G - All Ages", "R - 17+ (violence & profanity)"]
LENGTHS = ["24 min per ep", "4 min", "12 min per ep", "1 hr 35 min"]
STATUSES = ["Watching", "Completed", "On Hold", "Dropped", "Plan to Watch"]


def write(settings: Settings, folder: Path) -> float:
    """Write the three CSV files to ``folder``, return the noise floor of their ratings."""
    rng = np.random.default_rng(settings.seed)
    titles = describe(rng, settings.items)
    ratings = rate(rng, settings, titles)
    cuts = np.quantile(ratings["score"], np.cumsum(GRADES)[:-1] / sum(GRADES))
    ratings["grade"] = (1 + np.searchsorted(cuts, ratings.pop("score"))).astype(np.int8)
    floor = noise_floor(ratings.pop("expected").to_numpy(), settings.noise, cuts)

    ids = np.cumsum(rng.integers(1, 4, round(2.7 * settings.users)))  # most rate nothing
    users = pd.DataFrame({"id": ids, "name": words(ids) + ids.astype(str).astype(object)})
    raters, others = np.split(rng.permutation(len(ids)), [settings.users])
    users.loc[others[0], "name"] = ""
    ratings["user"] = np.sort(raters).astype(np.int32)[ratings["user"]]
    ratings = soil(rng, ratings, settings.items, nameless=others[0])

    ids = np.cumsum(rng.integers(1, 4, ratings["item"].max() + 1))  # some beyond the catalogue
    titles = titles.reindex(range(len(ids))).assign(id=ids, name=phrases(rng, NAMES, ids))
    titles.loc[:3, "name"] = titles.loc[4:7, "name"].to_list()
    write_scores(ratings, cells(users), cells(titles), folder / SCORES_CSV)

    for table, key in ((users, "user"), (titles, "item")):
        count = np.bincount(ratings[key], minlength=len(table))
        total = np.bincount(ratings[key], ratings["grade"], minlength=len(table))
        table["count"], table["mean"] = count, total / np.maximum(count, 1)
    users = users.drop(rng.choice(raters, max(3, settings.users // 50), replace=False))
    details(rng, users).to_csv(folder / DETAILS_CSV, index=False, lineterminator="\n")
    titles = titles[: settings.items]
    catalogue(rng, titles).to_csv(folder / CATALOGUE_CSV, index=False, lineterminator="\n")
    return floor


def noise_floor(expected: Array, noise: float, cuts: Array) -> float:
    """Return the mean variance of a grade around its mean, given the score without its noise.

    No prediction has a lower expected squared error, as the noise is independent of all else.

    Args:
        expected: the scores without noise.
        noise: variance of the normal noise that is added to each.
        cuts: where the scores turn from one grade to the next.
    """
    if noise == 0:
        return 0.0
    # The variance depends on one number, so a fine grid of it and linear interpolation do.
    grid = np.linspace(expected.min(), expected.max(), 2_000)
    steps = (cuts - grid[:, None]) / math.sqrt(2 * noise)
    below = 0.5 + 0.5 * np.vectorize(math.erf)(steps)  # chance of a grade up to 1, 2, … 9
    chance = np.diff(below, axis=1, prepend=0, append=1)
    grade = np.arange(1, len(cuts) + 2)
    variance = chance @ grade**2 - (chance @ grade) ** 2
    return float(np.interp(expected, grid, variance).mean())


def describe(rng: Generator, items: int) -> pd.DataFrame:
    """Draw what the taste vector of a title partly follows from: its Genres, Type and Studios."""
    turn = rng.exponential(size=(items, len(GENRES))) / np.geomspace(1, 0.01, len(GENRES))
    sizes = np.minimum(rng.geometric(0.55, items), 9)
    chosen = [np.argsort(row)[:size] for row, size in zip(turn, sizes, strict=True)]
    columns = {
        "Genres": hide(rng, [", ".join(sorted(GENRES[g] for g in row)) for row in chosen], 0.2),
        "Type": hide(rng, often(rng, TYPES, items), 0.003),
        "Studios": hide(rng, phrases(rng, LISTS, often(rng, range(60), items)), 0.4),
    }
    return pd.DataFrame(columns)


def soil(rng: Generator, ratings: pd.DataFrame, items: int, nameless: int) -> pd.DataFrame:
    """Add rated pairs again, titles beyond the catalogue, and a user whose name got lost."""
    n = max(3, len(ratings) // 100_000)
    again, stray, lost = (ratings.sample(n, random_state=rng) for _ in range(3))
    again.iloc[::2, 2] = again.iloc[::2, 2] % 10 + 1  # every other one with another rating
    stray["item"] = np.arange(items, items + n)
    lost["user"], lost["item"] = nameless, np.resize(rng.permutation(items), n)
    dirty = pd.concat([again, stray, lost, ratings]).astype(ratings.dtypes)
    return dirty.sort_values("user", kind="stable", ignore_index=True)


def write_scores(ratings: pd.DataFrame, users: Array, titles: Array, path: Path) -> None:
    """Write the ratings, each line put together from three ready pieces of text."""
    grades = np.array([f"{grade}\n" for grade in range(11)], dtype=object)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("user_id,Username,anime_id,Anime Title,rating\n")
        for first in range(0, len(ratings), LINES):
            user, item, grade = ratings[first : first + LINES].to_numpy().T
            file.write("".join(users[user] + titles[item] + grades[grade]))


def cells(table: pd.DataFrame) -> Array:
    """Write id and name as two CSV cells, with a comma after both."""
    text = table[["id", "name"]].to_csv(index=False, header=False, lineterminator="\n")
    return np.array([f"{line}," for line in text.strip().split("\n")], dtype=object)


def details(rng: Generator, users: pd.DataFrame) -> pd.DataFrame:
    """Make the file of users: mostly left blank, a few absurd."""
    n = len(users)
    firsts = np.array([["1985-01-01"], ["2004-11-05"]], dtype="datetime64[D]")
    days: Array = firsts + rng.integers(0, 6_700, (2, n))
    days[1].sort()
    born, joined = np.datetime_as_string(days).astype(object) + "T00:00:00+00:00"
    entries = pd.DataFrame(np.floor(rng.lognormal(1.5, 1.3, (n, 5))), users.index, STATUSES)
    entries["Completed"] += users["count"]
    episodes = np.floor(entries["Completed"] * rng.uniform(6, 16, n))
    columns = {
        "Mal ID": users["id"],
        "Username": users["name"],
        "Gender": hide(rng, often(rng, ["Male", "Female"], n), 0.69, ""),
        "Birthday": hide(rng, born, 0.77, ""),
        "Location": hide(rng, phrases(rng, LISTS, often(rng, range(300), n)), 0.79, ""),
        "Joined": joined,
        "Days Watched": (episodes / 60).round(1),
        "Mean Score": users["mean"].round(2),
        **entries,
        "Total Entries": entries.sum(axis=1),
        "Rewatched": np.floor(rng.lognormal(0, 1.3, n)),
        "Episodes Watched": episodes,
    }
    table = pd.DataFrame(columns)
    odd = rng.permutation(n)
    table.iloc[odd[:8], 6:] = np.nan
    table.iloc[odd[8:11], 6] = [105338.0, 60127.5, 9999.9]
    table.iloc[odd[11:14], 7] = [255.0, 128.0, 27.5]
    return table


def catalogue(rng: Generator, titles: pd.DataFrame) -> pd.DataFrame:
    """Make the file of titles, with statistics that follow from the ratings."""
    n, ids, count = len(titles), titles["id"].to_numpy(), titles["count"]
    episodes = often(rng, [1, 12, 2, 13, 26, 3, 24, 52], n)
    episodes[rng.integers(n, size=3)] = 3057  # some, as one may be hidden
    start = pd.Timestamp("1963-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 22_000, n)), "D")
    end = start + pd.to_timedelta(7 * episodes, "D")
    on_air = end > pd.Timestamp("2023-07-09")
    first, last = (day.strftime("%b %d, %Y").str.replace(" 0", " ") for day in (start, end))
    season = np.array(["winter", "spring", "summer", "fall"], dtype=object)[start.quarter - 1]
    unscored = (count < 3) | (np.arange(n) == rng.integers(n))
    rank = titles["mean"].mask(unscored, 0).rank(ascending=False, method="first")
    members = (count * rng.uniform(1.5, 3, n)).astype(int) + rng.integers(50, size=n)
    columns = {
        "anime_id": ids,
        "Name": titles["name"],
        "English name": hide(rng, phrases(rng, NAMES, ids + 2**19), 0.58),
        "Other name": hide(rng, words(ids, KANA), 0.005),
        "Score": titles["mean"].round(2).astype(str).mask(unscored, "UNKNOWN"),
        "Genres": titles["Genres"],
        "Synopsis": phrases(rng, SYNOPSES, ids),
        "Type": titles["Type"],
        "Episodes": hide(rng, episodes.astype(float).astype(str), 0.025),
        "Aired": np.where(episodes == 1, first, first + " to " + last.where(~on_air, "?")),
        "Premiered": np.where(titles["Type"] == "TV", season + start.strftime(" %Y"), "UNKNOWN"),
        "Status": np.where(on_air, "Currently Airing", "Finished Airing"),
        "Producers": hide(rng, phrases(rng, LISTS, often(rng, range(90), n)), 0.5),
        "Licensors": hide(rng, phrases(rng, LISTS, often(rng, range(30), n)), 0.8),
        "Studios": titles["Studios"],
        "Source": hide(rng, often(rng, SOURCES, n), 0.15, "Unknown"),
        "Duration": hide(rng, often(rng, LENGTHS, n), 0.02, "Unknown"),
        "Rating": hide(rng, often(rng, AGES, n), 0.03),
        "Rank": hide(rng, rank.astype(str).mask(unscored, "0.0"), 0.05),
        "Popularity": members.rank(ascending=False, method="first").astype(int),
        "Favorites": rng.binomial(members, 0.02),
        "Scored By": count.astype(float).astype(str).mask(unscored, "UNKNOWN"),
        "Members": members,
        "Image URL": [f"https://example.org/images/anime/{id_}.jpg" for id_ in ids],
    }
    return pd.DataFrame(columns)


def often(rng: Generator, options: Sequence[Any], n: int) -> Array:
    """Draw ``n`` of the options, the first far more often than the last."""
    return np.array(options)[(len(options) * rng.random(n) ** 2).astype(int)]


def hide(rng: Generator, values: Any, share: float, missing: str = "UNKNOWN") -> Array:
    """Replace a share of the texts, one at least, by what says that it is missing."""
    texts = np.array(values, dtype=object)
    texts[rng.permutation(len(texts))[: max(1, round(share * len(texts)))]] = missing
    return texts


def words(numbers: Array, syllables: list[str] = SYLLABLES) -> Array:
    """Spell numbers as words of four syllables; different ones below 2**20 differ."""
    mixed = numbers * 654_321 % 2**20  # an odd factor: one to one
    spelled: Array = np.array(syllables, dtype=object)[mixed >> np.c_[0:20:5] & 31].sum(axis=0)
    return spelled


def phrases(rng: Generator, forms: list[str], numbers: Array) -> Array:
    """Fill the blanks of one of ``forms`` per number: with its word, and another's if need be."""
    first, second = words(numbers), words(rng.permutation(numbers))
    drawn = zip(often(rng, forms, len(numbers)), first, second, strict=True)
    return np.array([form.format(a.title(), b.title()) for form, a, b in drawn], dtype=object)
