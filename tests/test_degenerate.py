"""Data with almost nothing in it: figures, or one sentence before anything is trained."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.training import train
from omegaconf import OmegaConf

from pipeline import clean, evaluate, features
from pipeline.artifact.folder import read_scale
from pipeline.compose import compose
from pipeline.config import check
from pipeline.errors import UserError
from pipeline.evaluation import pictures, report
from pipeline.files import replace_json, rounded
from pipeline.plots import png
from pipeline.tables.raw import CATALOGUE_CSV, SCORES_CSV, TEST_CSV
from pipeline.tracking.runs import describe

TITLES = 30
RANDOM = np.random.default_rng(0)
PAIRS = [divmod(int(pair), TITLES) for pair in RANDOM.permutation(40 * TITLES)[:600]]
ONE_EACH = [(user, user * 7 % TITLES) for user in range(300)]
SETTINGS = ["dataset=local", "dataset.path=.", "evaluate.bootstrap=20", "features.valid_share=0.1"]


def rows(pairs, rating=lambda place: 1 + place * 7 % 10):
    """Ratings of pairs of user and title: the rows of a file."""
    return [(user + 1, title + 1, rating(place)) for place, (user, title) in enumerate(pairs)]


def new(pairs, users, titles):
    """Pairs of other users and titles, by so much."""
    return [(user + users, title + titles) for user, title in pairs]


def stages(engine, folder, ratings, test=None):
    """Run clean, features, train and evaluate on these rows; return all figures as JSON has them.

    The pictures, the report and the note of the run are made too.
    """
    raw, cleaned, tables, model = (folder / name for name in ("raw", "clean", "features", "model"))
    for path in (raw, cleaned, tables, model):
        path.mkdir()
    header = ["user_id", "anime_id", "rating"]
    pd.DataFrame(ratings, columns=header).to_csv(raw / SCORES_CSV, index=False)
    if test:
        pd.DataFrame(test, columns=header).to_csv(raw / TEST_CSV, index=False)
    titles = {"anime_id": range(1, TITLES + 1), "Name": [f"Title {i}" for i in range(TITLES)]}
    kinds = {"Genres": ["Action", "Drama, Comedy"] * (TITLES // 2), "Episodes": range(TITLES)}
    pd.DataFrame(titles | kinds).to_csv(raw / CATALOGUE_CSV, index=False)
    config = check(OmegaConf.create(compose(SETTINGS)))
    counts = clean.clean(config.dataset, config.clean, engine, raw, cleaned)
    features.features(cleaned, config.features, engine, tables)
    train(tables, model)
    results, scale = evaluate.evaluate(config.evaluate, tables, model), read_scale(model)
    curve = pd.DataFrame({"epoch": [1, 2], "train_mse": [1.0, 1.0], "valid_mse": [1.0, 1.0]})
    lists = results.figures["ranking"]["catalogue"]
    drawn = pictures.draw(curve, results.tables, lists, scale)
    pngs = {name: png(picture) for name, picture in drawn.items()}
    replace_json(folder / "clean.json", counts)
    replace_json(folder / "train.json", {"epochs": 2, "valid_mse": 1.0})
    assert "nan" not in describe(config, results.figures)
    assert report.page(config, results.figures, results.tables, pngs, scale, folder)
    replace_json(folder / "evaluate.json", rounded(results.figures))  # refuses what is no number
    return json.loads((folder / "evaluate.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    ("data", "undefined"),
    [
        ((rows(ONE_EACH, lambda place: 1 + 9 * (place % 3 % 2)),), {"interval"}),
        ((rows((0, title) for title in range(TITLES)),), {"interval"}),
        ((rows(PAIRS, lambda _: 8),), {"r2"}),
        ((rows(PAIRS), rows(new(PAIRS[:50], 1000, 0))), {"interval"}),
        ((rows(PAIRS), rows(new(PAIRS[:50], 0, 1000))), set()),
        ((rows(PAIRS[1:]), rows(PAIRS[:1])), {"interval", "r2"}),
    ],
    ids=[
        "a rating by each user and two values", "one user", "equal ratings",
        "test users unknown", "test titles unknown", "one test row",
    ],
)  # fmt: skip
def test_figures_of_degenerate_data_are_null_where_they_do_not_exist(
    engine, tmp_path, data, undefined
):
    figures = stages(engine, tmp_path, *data)
    assert figures["mse"] >= 0
    assert (figures["r2"] is None) == ("r2" in undefined)
    assert (figures["ci95"]["mse"] == [None, None]) == ("interval" in undefined)
    assert (figures["calibration_error"] is None) == ("interval" in undefined)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (rows(PAIRS[:4]), r"the \w+ part has no rows: the ratings are split into "),
        (rows((i, 0) for i in range(3)), r"the \w+ part has no rows: the ratings are split into "),
        (rows(PAIRS, lambda _: 0), r"ratings: 600 of 600 rows cannot be used"),
        ([], r"users-score-2023\.csv: no rows below the header"),
    ],
    ids=["four ratings", "three ratings of one title", "nothing rated", "no row"],
)
def test_data_that_cannot_be_learned_from_is_refused_before_training(engine, tmp_path, data, said):
    with pytest.raises(UserError, match=said):
        stages(engine, tmp_path, data)
    assert not list((tmp_path / "model").iterdir())
