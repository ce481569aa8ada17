"""The three CSV files of a synthetic data set, with the dirt of the real ones."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.sources.synthetic import Settings
from pipeline.sources.synthetic.taste import rate
from pipeline.sources.synthetic.texts import (
    KANA,
    LISTS,
    NAMES,
    SYNOPSES,
    draw_skewed,
    phrases,
    spelled,
    with_missing,
)
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV

Array = NDArray[Any]

# Numbers of ratings 1 to 10 in the real file.
GRADES = [98069, 132092, 233675, 562822, 1379480, 2766482, 5452152, 6060484, 4429914, 3210021]

LINES = 200_000  # ratings formatted at a time

# Terms of MyAnimeList; the first of a list is drawn most often.
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
    """Write the three CSV files to ``folder``; return the noise floor of their ratings."""
    rng = np.random.default_rng(settings.seed)
    titles = title_attributes(rng, settings.items)
    ratings = rate(rng, settings, titles)
    cuts = np.quantile(ratings["score"], np.cumsum(GRADES)[:-1] / sum(GRADES))
    ratings["grade"] = (1 + np.searchsorted(cuts, ratings.pop("score"))).astype(np.int8)
    floor = noise_floor(ratings.pop("expected").to_numpy(), settings.noise, cuts)

    users, raters, nameless = accounts(rng, settings.users)
    # Sorted, so that ids rise along the file of ratings, as in the real one.
    ratings["user"] = np.sort(raters).astype(np.int32)[ratings["user"]]
    ratings = add_dirt(rng, ratings, settings.items, nameless)
    titles = with_names(rng, titles, ratings["item"].max() + 1)
    write_scores(ratings, cells(users), cells(titles), folder / SCORES_CSV)

    users = with_statistics(users, ratings, "user")
    titles = with_statistics(titles, ratings, "item")
    without_details = rng.choice(raters, max(3, settings.users // 50), replace=False)
    user_file = details(rng, users.drop(without_details))
    user_file.to_csv(folder / DETAILS_CSV, index=False, lineterminator="\n")
    title_file = catalogue(rng, titles[: settings.items])
    title_file.to_csv(folder / CATALOGUE_CSV, index=False, lineterminator="\n")
    return floor


def accounts(rng: Generator, n_raters: int) -> tuple[pd.DataFrame, Array, int]:
    """Draw the accounts of the site, most of which rate nothing.

    Returns:
        id and name of each account; the rows of those that rate, in random order; and the row of
        another account, whose name is empty.
    """
    ids = np.cumsum(rng.integers(1, 4, round(2.7 * n_raters)))
    users = pd.DataFrame({"id": ids, "name": spelled(ids) + ids.astype(str).astype(object)})
    raters, others = np.split(rng.permutation(len(ids)), [n_raters])
    users.loc[others[0], "name"] = ""
    return users, raters, others[0]


def with_names(rng: Generator, titles: pd.DataFrame, n: int) -> pd.DataFrame:
    """Add id and name to ``n`` titles: those of the catalogue, then rated ones outside it.

    Titles outside the catalogue have no attributes. Four titles have the name of another.
    """
    ids = np.cumsum(rng.integers(1, 4, n))
    titles = titles.reindex(range(n)).assign(id=ids, name=phrases(rng, NAMES, ids))
    titles.loc[:3, "name"] = titles.loc[4:7, "name"].to_list()
    return titles


def with_statistics(table: pd.DataFrame, ratings: pd.DataFrame, key: str) -> pd.DataFrame:
    """Add ``count`` and ``mean`` of the ratings of each user or title; ``key`` holds its row."""
    count = np.bincount(ratings[key], minlength=len(table))
    total = np.bincount(ratings[key], ratings["grade"], minlength=len(table))
    return table.assign(count=count, mean=total / np.maximum(count, 1))


def noise_floor(expected: Array, noise: float, cuts: Array) -> float:
    """Return the lowest possible MSE: the mean variance of a grade given its noiseless score.

    No prediction has a lower expected squared error, as the noise is independent of all else.

    Args:
        expected: noiseless scores [ratings].
        noise: variance of the normal noise added to each.
        cuts: score thresholds between the grades [grades - 1].
    """
    if noise == 0:
        return 0.0
    # A function of one number: computed on a fine grid and interpolated.
    grid = np.linspace(expected.min(), expected.max(), 2_000)
    steps = (cuts - grid[:, None]) / math.sqrt(2 * noise)
    below = 0.5 + 0.5 * np.vectorize(math.erf)(steps)  # P(grade <= 1, 2, … 9)
    chance = np.diff(below, axis=1, prepend=0, append=1)
    grade = np.arange(1, len(cuts) + 2)
    variance = chance @ grade**2 - (chance @ grade) ** 2
    return float(np.interp(expected, grid, variance).mean())


def title_attributes(rng: Generator, items: int) -> pd.DataFrame:
    """Draw Genres, Type and Studios of the titles; taste vectors partly follow from them."""
    # The genres of the smallest waiting times are a weighted draw without replacement.
    waiting = rng.exponential(size=(items, len(GENRES))) / np.geomspace(1, 0.01, len(GENRES))
    sizes = np.minimum(rng.geometric(0.55, items), 9)
    chosen = [np.argsort(row)[:size] for row, size in zip(waiting, sizes, strict=True)]
    columns = {
        "Genres": with_missing(
            rng, [", ".join(sorted(GENRES[g] for g in row)) for row in chosen], 0.2
        ),
        "Type": with_missing(rng, draw_skewed(rng, TYPES, items), 0.003),
        "Studios": with_missing(rng, phrases(rng, LISTS, draw_skewed(rng, range(60), items)), 0.4),
    }
    return pd.DataFrame(columns)


def add_dirt(rng: Generator, ratings: pd.DataFrame, items: int, nameless: int) -> pd.DataFrame:
    """Add repeated pairs, titles outside the catalogue, and ratings of the user without a name."""
    n = max(3, len(ratings) // 100_000)
    repeated, outside, unnamed = (ratings.sample(n, random_state=rng) for _ in range(3))
    repeated.iloc[::2, 2] = repeated.iloc[::2, 2] % 10 + 1  # every other one with another grade
    outside["item"] = np.arange(items, items + n)
    unnamed["user"], unnamed["item"] = nameless, np.resize(rng.permutation(items), n)
    dirty = pd.concat([repeated, outside, unnamed, ratings]).astype(ratings.dtypes)
    return dirty.sort_values("user", kind="stable", ignore_index=True)


def write_scores(ratings: pd.DataFrame, users: Array, titles: Array, path: Path) -> None:
    """Write the ratings; each line joins the cells of its user, its title and its grade."""
    grades = np.array([f"{grade}\n" for grade in range(11)], dtype=object)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("user_id,Username,anime_id,Anime Title,rating\n")
        for first in range(0, len(ratings), LINES):
            user, item, grade = ratings[first : first + LINES].to_numpy().T
            file.write("".join(users[user] + titles[item] + grades[grade]))


def cells(table: pd.DataFrame) -> Array:
    """Format id and name of each row as CSV cells: ``id,name,``."""
    text = table[["id", "name"]].to_csv(index=False, header=False, lineterminator="\n")
    return np.array([f"{line}," for line in text.strip().split("\n")], dtype=object)


def details(rng: Generator, users: pd.DataFrame) -> pd.DataFrame:
    """Return the file of users: profiles mostly blank, and some impossible statistics."""
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
        "Gender": with_missing(rng, draw_skewed(rng, ["Male", "Female"], n), 0.69, ""),
        "Birthday": with_missing(rng, born, 0.77, ""),
        "Location": with_missing(
            rng, phrases(rng, LISTS, draw_skewed(rng, range(300), n)), 0.79, ""
        ),
        "Joined": joined,
        "Days Watched": (episodes / 60).round(1),
        "Mean Score": users["mean"].round(2),
        **entries,
        "Total Entries": entries.sum(axis=1),
        "Rewatched": np.floor(rng.lognormal(0, 1.3, n)),
        "Episodes Watched": episodes,
    }
    table = pd.DataFrame(columns)
    row = rng.permutation(n)
    table.iloc[row[:8], 6:] = np.nan  # all statistics
    table.iloc[row[8:11], 6] = [105338.0, 60127.5, 9999.9]  # Days Watched
    table.iloc[row[11:14], 7] = [255.0, 128.0, 27.5]  # Mean Score
    return table


def catalogue(rng: Generator, titles: pd.DataFrame) -> pd.DataFrame:
    """Return the file of titles, with statistics computed from the ratings."""
    n, ids, count = len(titles), titles["id"].to_numpy(), titles["count"]
    episodes = draw_skewed(rng, [1, 12, 2, 13, 26, 3, 24, 52], n)
    episodes[rng.integers(n, size=3)] = 3057  # three, as some may be hidden below
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
        "English name": with_missing(rng, phrases(rng, NAMES, ids + 2**19), 0.58),
        "Other name": with_missing(rng, spelled(ids, KANA), 0.005),
        "Score": titles["mean"].round(2).astype(str).mask(unscored, "UNKNOWN"),
        "Genres": titles["Genres"],
        "Synopsis": phrases(rng, SYNOPSES, ids),
        "Type": titles["Type"],
        "Episodes": with_missing(rng, episodes.astype(float).astype(str), 0.025),
        "Aired": np.where(episodes == 1, first, first + " to " + last.where(~on_air, "?")),
        "Premiered": np.where(titles["Type"] == "TV", season + start.strftime(" %Y"), "UNKNOWN"),
        "Status": np.where(on_air, "Currently Airing", "Finished Airing"),
        "Producers": with_missing(rng, phrases(rng, LISTS, draw_skewed(rng, range(90), n)), 0.5),
        "Licensors": with_missing(rng, phrases(rng, LISTS, draw_skewed(rng, range(30), n)), 0.8),
        "Studios": titles["Studios"],
        "Source": with_missing(rng, draw_skewed(rng, SOURCES, n), 0.15, "Unknown"),
        "Duration": with_missing(rng, draw_skewed(rng, LENGTHS, n), 0.02, "Unknown"),
        "Rating": with_missing(rng, draw_skewed(rng, AGES, n), 0.03),
        "Rank": with_missing(rng, rank.astype(str).mask(unscored, "0.0"), 0.05),
        "Popularity": members.rank(ascending=False, method="first").astype(int),
        "Favorites": rng.binomial(members, 0.02),
        "Scored By": count.astype(float).astype(str).mask(unscored, "UNKNOWN"),
        "Members": members,
        "Image URL": [f"https://example.org/images/anime/{id_}.jpg" for id_ in ids],
    }
    return pd.DataFrame(columns)
