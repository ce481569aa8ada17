"""What users of the data watched without rating it: evidence of what they would watch, no more."""

import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.training import train

from pipeline.artifact.folder import read_ratings
from pipeline.artifact.watch import load_watch
from pipeline.recommender.batch import BatchRecommender
from pipeline.recommender.fold_in import fold_in
from pipeline.recommender.listed import Listed
from pipeline.recommender.person import NOTHING, OnList, told
from pipeline.recommender.recommender import Recommender

WATCHERS = 20  # of the first users, the rows of test become titles watched without a rating


@pytest.fixture(scope="module")
def watched(features, tmp_path_factory):
    """The planted tables where some rows of test are watched without a rating, and these pairs."""
    folder = tmp_path_factory.mktemp("watched") / "features"
    shutil.copytree(features, folder)
    test = pd.read_parquet(folder / "test.parquet")
    pairs = test[test["user"] <= WATCHERS][["user", "item"]].sort_values(["user", "item"])
    pairs.to_parquet(folder / "watched.parquet", index=False)
    test[test["user"] > WATCHERS].to_parquet(folder / "test.parquet", index=False)
    return folder, pairs


@pytest.fixture(scope="module")
def watching(watched, tmp_path_factory):
    """The small model of these tables."""
    return train(watched[0], tmp_path_factory.mktemp("watching"))


def user_with(pairs, least):
    """A user who watched at least so many titles, and their rows."""
    of_user = pairs.groupby("user").item.apply(list)
    user = next(user for user, titles in of_user.items() if len(titles) >= least)
    return user, of_user[user]


def test_what_is_watched_is_on_the_list_of_a_user_and_is_not_listed_again(watched, watching):
    recommender = Recommender(watching)
    user, titles = user_with(watched[1], 3)
    person = recommender.user(str(10 * user))
    assert person.also.watched.tolist() == titles
    assert person.evidence.tolist() == [*person.item, *titles]
    assert not set(person.item) & {*titles}
    listed = {row["anime_id"] // 10 for row in recommender.recommend(person, 50)}
    assert listed == {*range(1, 32)} - {*person.item, *titles}
    batch = BatchRecommender(recommender, 50)
    lists = pd.concat(of_chunk.to_pandas() for of_chunk in batch.lists())
    assert [*lists] == batch.schema.names
    assert {*lists[lists["user_id"] == 10 * user]["anime_id"] // 10} == listed


def test_a_user_and_a_newcomer_with_the_same_list_have_the_same_chances(watched, watching):
    recommender = Recommender(watching)
    user, titles = user_with(watched[1], 3)
    known = recommender.user(str(10 * user))
    rated = [Listed(str(10 * i), r) for i, r in zip(known.item, known.rating, strict=True)]
    chances = recommender.lists.watching.chances
    new = recommender.newcomer([*rated, *(Listed(str(10 * title)) for title in titles)])
    assert chances(new.evidence) == pytest.approx(chances(known.evidence), abs=1e-6)
    row = recommender.on_lists.matrix(np.array([user]))
    together = recommender.lists.watching.chances_all(row)[0]
    assert together == pytest.approx(chances(known.evidence), abs=1e-6)
    fewer = recommender.newcomer(rated)
    assert chances(fewer.evidence) != pytest.approx(chances(known.evidence), abs=1e-3)


def test_it_changes_histories_and_chances_but_no_row_that_an_error_is_computed_from(
    watched, watching, models
):
    for column, plain in zip(
        read_ratings(watching, "user", "item", "rating"),
        read_ratings(models, "user", "item", "rating"),
        strict=True,
    ):
        assert column.tolist() == plain.tolist()
    more, plain = (Recommender(folder) for folder in (watching, models))
    assert more.details.intervals.users.shape == plain.details.intervals.users.shape
    assert load_watch(watching).weights.sum() != load_watch(models).weights.sum()
    for factors in ("network", "posterior"):
        one, other = (getattr(each.scorer, factors) for each in (more, plain))
        bases = [getattr(side, "factors", side).basis for side in (one, other)]
        assert bases[0].shape == bases[1].shape
        assert np.abs(np.abs(bases[0]) - np.abs(bases[1])).max() > 1e-3
    catalogue = more.catalogue.raters.tolist()
    assert catalogue == plain.catalogue.raters.tolist(), "who watched is not a rater"


@pytest.mark.parametrize("model", ["recommender", "without_draws"])
def test_before_any_rating_a_taste_is_the_map_of_its_history(request, model):
    scorer = request.getfixturevalue(model).scorer
    listed, none = np.array([1, 3, 5, 31]), np.zeros(0)
    for factors in (scorer.network.factors, *([scorer.posterior] if scorer.posterior else [])):
        history = factors.basis[listed[:3]].astype(float).sum(0) / len(listed) ** factors.power
        columns = np.concatenate([history, factors.counts(np.zeros(1, int)), [1]])
        found = fold_in(factors, NOTHING, none, listed=listed).user.weights
        expected = [columns @ draw.user_map for draw in factors.draws]
        assert found == pytest.approx(np.array(expected), abs=1e-5)
    tastes = [
        told(scorer, NOTHING, none, OnList(watched)).taste.network.weights
        for watched in (NOTHING, listed)
    ]
    assert tastes[0] != pytest.approx(tastes[1], abs=1e-3)
