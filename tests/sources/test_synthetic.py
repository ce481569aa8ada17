"""The generated data set: its marginal distributions, long tails, dirt and planted taste."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.settings.sections import Watch
from pipeline.sources import synthetic
from pipeline.sources.synthetic import generate as synthetic_files
from pipeline.sources.synthetic import taste
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV

SMALL = synthetic.Settings(
    source="synthetic",
    min_rating=1,
    max_rating=10,
    watch=Watch(data="", test=""),
    seed=0,
    users=800,
    items=400,
    ratings=48_000,
    noise=0.4,
)
REAL_SHARES = [0.40, 0.54, 0.96, 2.31, 5.67, 11.37, 22.41, 24.91, 18.21, 13.20]  # per cent
SCORE_COLUMNS = "user_id,Username,anime_id,Anime Title,rating"
DETAIL_COLUMNS = (
    "Mal ID,Username,Gender,Birthday,Location,Joined,Days Watched,Mean Score,Watching,Completed,"
    "On Hold,Dropped,Plan to Watch,Total Entries,Rewatched,Episodes Watched"
)
CATALOGUE_COLUMNS = (
    "anime_id,Name,English name,Other name,Score,Genres,Synopsis,Type,Episodes,Aired,Premiered,"
    "Status,Producers,Licensors,Studios,Source,Duration,Rating,Rank,Popularity,Favorites,"
    "Scored By,Members,Image URL"
)


def generate(folder, **changes):
    folder.mkdir()
    synthetic.write(dataclasses.replace(SMALL, **changes), folder)
    return folder


def scores_in(folder):
    return pd.read_csv(folder / SCORES_CSV)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("raw") / "small")


@pytest.fixture(scope="module")
def scores(folder):
    return scores_in(folder)


@pytest.fixture(scope="module")
def details(folder):
    return pd.read_csv(folder / DETAILS_CSV, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def catalogue(folder):
    return pd.read_csv(folder / CATALOGUE_CSV, dtype=str, keep_default_na=False)


# The files


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        (SCORES_CSV, SCORE_COLUMNS),
        (DETAILS_CSV, DETAIL_COLUMNS),
        (CATALOGUE_CSV, CATALOGUE_COLUMNS),
    ],
)
def test_columns_and_line_ends_are_those_of_the_real_files(folder, name, columns):
    text = (folder / name).read_bytes()
    assert text.startswith(columns.encode() + b"\n")
    assert b"\r" not in text


def test_same_settings_give_the_same_bytes_and_another_seed_others(folder, tmp_path):
    again, other = generate(tmp_path / "again"), generate(tmp_path / "other", seed=1)
    for name in (SCORES_CSV, DETAILS_CSV, CATALOGUE_CSV):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
        assert (other / name).read_bytes() != (folder / name).read_bytes()


def test_the_number_of_lines_formatted_at_a_time_does_not_change_the_file(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(synthetic_files, "LINES", 1000)
    again = generate(tmp_path / "again")
    assert (again / SCORES_CSV).read_bytes() == (folder / SCORES_CSV).read_bytes()


# The ratings


def test_ratings_follow_the_real_marginals(scores):
    shares = 100 * scores["rating"].value_counts(normalize=True).sort_index()
    assert shares.index.tolist() == list(range(1, 11))
    assert shares.to_numpy() == pytest.approx(REAL_SHARES, abs=0.3)
    assert scores["rating"].mean() == pytest.approx(7.62, abs=0.02)
    assert scores["rating"].std() == pytest.approx(1.66, abs=0.02)


def test_the_sizes_are_those_of_the_settings(scores, catalogue, details):
    assert len(scores) == pytest.approx(SMALL.ratings, rel=0.02)
    assert scores.dropna()["user_id"].nunique() == SMALL.users
    assert len(catalogue) == SMALL.items
    assert len(details) > 2 * SMALL.users  # most accounts rate nothing


def test_few_users_and_few_titles_have_most_of_the_ratings(scores):
    per_user = scores["user_id"].value_counts()
    per_title = scores["anime_id"].value_counts()
    for counts in (per_user, per_title):
        assert counts.iloc[: len(counts) // 5].sum() > 0.45 * len(scores)
    assert per_user.median() < 0.8 * per_user.mean()
    assert (per_user <= 5).sum() >= 10
    assert per_user.max() > 0.5 * SMALL.items
    assert per_title.max() > 0.5 * SMALL.users
    assert (per_title <= 3).sum() >= 5


# What can be learned from the ratings


def code(scores):
    """User codes, title codes and ratings as arrays, and a random test mask."""
    user, item = pd.factorize(scores["user_id"])[0], pd.factorize(scores["anime_id"])[0]
    test = np.random.default_rng(0).random(len(scores)) < 0.2
    return user, item, scores["rating"].to_numpy(float), test


def bias_predictions(user, item, rating, test):
    """Mean plus user and title bias, fitted alternately on the rows that are not ``test``."""
    known = ~test
    mean = rating[known].mean()
    of_user, of_item = np.zeros(user.max() + 1), np.zeros(item.max() + 1)
    for _ in range(10):
        left = (rating - mean - of_item[item]) * known
        of_user = np.bincount(user, left) / (np.bincount(user, known) + 5)
        left = (rating - mean - of_user[user]) * known
        of_item = np.bincount(item, left) / (np.bincount(item, known) + 5)
    return mean + of_user[user] + of_item[item]


def match_predictions(user, item, residual, test, penalty=500):
    """Predict each residual from the user's other residuals by ridge regression (EASE)."""
    known = np.zeros((user.max() + 1, item.max() + 1))
    known[user[~test], item[~test]] = residual[~test]
    inverse = np.linalg.inv(known.T @ known + penalty * np.eye(known.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return (known @ weights)[user, item]


def errors(scores):
    """Test MSE of the mean, of biases, and of biases plus a match of user and title."""
    user, item, rating, test = code(scores.drop_duplicates(["user_id", "anime_id"]))
    bias = bias_predictions(user, item, rating, test)
    match = bias + match_predictions(user, item, rating - bias, test)
    guesses = (rating[~test].mean(), bias, match)
    return [np.square(rating - guess)[test].mean() for guess in guesses]


def test_biases_beat_the_mean_and_a_match_beats_biases_but_nothing_beats_the_noise(scores):
    mean, bias, match = errors(scores)
    assert 0.62 < bias / mean < 0.75
    assert match < 0.96 * bias
    assert match > SMALL.noise * mean


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.4, 0.8])
def test_the_noise_floor_is_the_mse_of_a_predictor_who_knows_all_but_the_noise(noise):
    random = np.random.default_rng(0)
    settings = dataclasses.replace(SMALL, noise=noise)
    titles = synthetic_files.title_attributes(random, settings.items)
    ratings = taste.rate(random, settings, titles).sort_values("expected", ignore_index=True)
    cuts = np.quantile(ratings["score"], [0.1, 0.3, 0.6, 0.9])
    grade = 1 + np.searchsorted(cuts, ratings["score"])
    # The best prediction from the noiseless score is the mean grade at that score.
    best = pd.Series(grade).rolling(200, center=True, min_periods=1).mean()
    lowest = np.square(grade - best).mean()
    floor = synthetic_files.noise_floor(ratings["expected"].to_numpy(), noise, cuts)
    assert floor == pytest.approx(lowest, rel=0.02, abs=0.003)


@pytest.mark.parametrize(("noise", "low", "high"), [(0.0, 0.35, 0.55), (0.8, 0.85, 0.95)])
def test_with_more_noise_biases_explain_less(tmp_path, noise, low, high):
    mean, bias, _ = errors(scores_in(generate(tmp_path / "other", noise=noise)))
    assert low < bias / mean < high


def by_attribute(scores, catalogue, column):
    """A row per rating and value in ``column``: user, value (name), residual of the biases."""
    user, item, rating, test = code(scores)
    residual = rating - bias_predictions(user, item, rating, test)
    rows = pd.DataFrame({"user": user, "residual": residual, "test": test})
    lists = catalogue.set_index(catalogue["anime_id"].astype(int))[column].str.split(", ")
    rows["name"] = scores["anime_id"].map(lists)
    return rows.explode("name").dropna()


@pytest.mark.parametrize(
    ("column", "left"), [("Genres", 0.98), ("Type", 0.985), ("Studios", 0.999)]
)
def test_users_like_what_they_liked_of_the_same_kind(scores, catalogue, column, left):
    rows = by_attribute(scores, catalogue, column)
    known = rows[~rows["test"]].groupby(["user", "name"])["residual"].agg(["sum", "size"])
    guess = (known["sum"] / (known["size"] + 10)).rename("guess")
    rows = rows[rows["test"]].join(guess, on=["user", "name"]).fillna({"guess": 0})
    unexplained = np.square(rows["residual"] - rows["guess"]).mean()
    assert unexplained < left * np.square(rows["residual"]).mean()


def test_users_rate_more_of_what_they_like(scores, catalogue):
    rows = by_attribute(scores, catalogue, "Genres")
    cells = rows.groupby(["user", "name"])["residual"].agg(["mean", "size"]).reset_index()
    usual = cells.groupby("name")["size"].transform("sum") / len(rows)
    share = cells["size"] / cells.groupby("user")["size"].transform("sum") / usual
    often = cells.groupby("user")["size"].transform("sum") > 50
    assert share[often].corr(cells["mean"][often], method="spearman") > 0.05


# The dirt


def test_some_pairs_are_rated_twice_and_some_of_these_differently(scores):
    again = scores[scores.duplicated(["user_id", "anime_id"], keep=False)]
    spread = again.groupby(["user_id", "anime_id"])["rating"].nunique()
    assert len(spread) == 3
    assert {1, 2} == set(spread)


def test_a_user_has_no_name(scores):
    nameless = scores[scores["Username"].isna()]
    assert len(nameless) == 3
    assert len(set(nameless["user_id"])) == 1


def test_some_rated_titles_and_raters_are_in_neither_other_file(scores, catalogue, details):
    beyond = ~scores["anime_id"].isin(catalogue["anime_id"].astype(int))
    assert beyond.sum() == 3
    assert scores["anime_id"][beyond].min() > catalogue["anime_id"].astype(int).max()
    raters = pd.Series(scores["user_id"].unique())
    assert 0.01 < 1 - raters.isin(details["Mal ID"].astype(int)).mean() < 0.03


def test_ids_rise_with_gaps(scores, catalogue, details):
    assert scores["user_id"].is_monotonic_increasing
    for ids in (catalogue["anime_id"].astype(int), details["Mal ID"].astype(int)):
        assert ids.is_monotonic_increasing
        assert ids.is_unique
        assert 1.5 * len(ids) < ids.max() < 3 * len(ids)


@pytest.mark.parametrize(
    ("column", "missing"),
    [
        *((name, "UNKNOWN") for name in ("Score", "Scored By", "Rank", "Episodes", "Premiered")),
        *((name, "UNKNOWN") for name in ("English name", "Genres", "Type", "Rating")),
        *((name, "UNKNOWN") for name in ("Producers", "Licensors", "Studios")),
        *((name, "Unknown") for name in ("Source", "Duration")),
        ("Rank", "0.0"),
    ],
)
def test_missing_attributes_of_titles_are_written_as_text(catalogue, column, missing):
    assert 0 < (catalogue[column] == missing).sum() < len(catalogue)


def test_titles_have_the_real_oddities(catalogue, scores):
    episodes = catalogue["Episodes"][catalogue["Episodes"] != "UNKNOWN"]
    assert episodes.str.fullmatch(r"\d+\.0").all()
    assert "3057.0" in set(episodes)
    assert catalogue["Name"].duplicated().sum() == 4
    assert catalogue["Synopsis"].str.contains('"').any()
    assert catalogue["Synopsis"].str.contains("\n").any()
    assert catalogue["Studios"].str.contains(", ").any()
    genres = catalogue["Genres"].str.split(", ")
    assert genres.str.len().max() > 3
    assert set(genres.explode()) <= {*synthetic_files.GENRES, "UNKNOWN"}
    assert scores["Anime Title"].str.contains(",").any()


def test_users_have_the_real_oddities(details):
    for column, share in (("Gender", 0.69), ("Birthday", 0.77), ("Location", 0.79)):
        assert (details[column] == "").mean() == pytest.approx(share, abs=0.01)
    statistics = details.iloc[:, 6:]
    assert (statistics == "").all(axis=1).sum() == 8
    assert "255.0" in set(statistics["Mean Score"])
    assert "105338.0" in set(statistics["Days Watched"])


# Published statistics of titles and users


def test_statistics_of_titles_follow_from_the_ratings(scores, catalogue):
    rows = catalogue[catalogue["Score"] != "UNKNOWN"].set_index("anime_id")
    ratings = scores.groupby(scores["anime_id"].astype(str))["rating"].agg(["mean", "size"])
    ratings = ratings.loc[rows.index]
    assert rows["Score"].astype(float).to_numpy() == pytest.approx(ratings["mean"], abs=0.0051)
    assert (rows["Scored By"].astype(float) == ratings["size"]).all()
    assert (rows["Members"].astype(int) >= ratings["size"]).all()
    ranked = rows[~rows["Rank"].isin(["UNKNOWN", "0.0"])].astype({"Rank": float, "Score": float})
    assert ranked.sort_values("Rank")["Score"].is_monotonic_decreasing


def test_statistics_of_users_follow_from_the_ratings(scores, details):
    rows = details[details["Completed"] != ""].set_index("Mal ID")
    ratings = scores.groupby(scores["user_id"].astype(str))["rating"].agg(["mean", "size"])
    both = rows.join(ratings, how="inner")
    assert (both["Completed"].astype(float) >= both["size"]).all()
    off = (both["Mean Score"].astype(float) - both["mean"]).abs() > 0.0051
    assert off.sum() <= 3  # the impossible ones
    assert not details["Username"].isin(scores["Username"]).all()


# Settings


@pytest.mark.parametrize(
    ("changes", "key", "allowed"),
    [
        ({"ratings": 200_000}, "dataset.ratings", "from 800 to 192000, 60%"),
        ({"ratings": 0}, "dataset.ratings", "from 800 to"),
        ({"users": 0}, "dataset.users", "from 20"),
        ({"items": -5}, "dataset.items", "from 20"),
        ({"noise": 1.0}, "dataset.noise", "from 0 to 0.99"),
        ({"noise": float("nan")}, "dataset.noise", "from 0 to 0.99"),
        ({"seed": -1}, "dataset.seed", "from 0"),
        ({"max_rating": 5}, "dataset.max_rating", "from 10 to 10"),
    ],
)
def test_impossible_settings_are_refused_by_name(tmp_path, changes, key, allowed):
    with pytest.raises(UserError, match=f"^{key} = .*must be {allowed}"):
        generate(tmp_path / "none", **changes)
    assert not list((tmp_path / "none").iterdir())


@settings(max_examples=15)
@given(st.integers(20, 60), st.integers(20, 60), st.floats(0, 1), st.integers(0, 99))
def test_any_size_and_density_gives_every_user_ratings(
    tmp_path_factory, users, items, fullness, seed
):
    ratings = round(users + fullness * (0.6 * users * items - users - 1))
    folder = tmp_path_factory.mktemp("raw") / "any"
    generate(folder, users=users, items=items, ratings=ratings, seed=seed)
    rows = scores_in(folder).dropna()
    assert rows["user_id"].nunique() == users
    assert rows.duplicated(["user_id", "anime_id"]).sum() == 3
    assert len(rows) - 6 == pytest.approx(ratings, rel=0.05, abs=5 * ratings**0.5)
