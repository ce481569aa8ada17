"""Lists of all users at once: the same as each user's own list."""

import pyarrow as pa
import pytest
from helpers.tables import ITEMS, USERS
from helpers.training import renamed, train

from pipeline.recommender import batch
from pipeline.recommender.batch import BatchRecommender
from pipeline.recommender.filters import Filters
from pipeline.recommender.recommender import Recommender


def lists(recommender, *arguments):
    """The lists of a BatchRecommender: a frame with anime_id and prediction per user id."""
    every = BatchRecommender(recommender, *arguments)
    by_user = pa.Table.from_batches(every.lists(), every.schema).to_pandas().groupby("user_id")
    for _, of_user in by_user:
        assert of_user["rank"].tolist() == list(range(1, len(of_user) + 1))
    return dict(tuple(by_user))


def assert_same_as_one_by_one(recommender, filters):
    together = lists(recommender, 3, filters)
    assert len(together) == USERS
    for user, of_user in together.items():
        person = recommender.user(str(user))
        alone = recommender.recommend(person, 3, filters, why=False)
        assert of_user["anime_id"].tolist() == [row["anime_id"] for row in alone]
        predictions = [row["prediction"] for row in alone]
        assert of_user["prediction"].to_numpy() == pytest.approx(predictions, abs=1e-5)


@pytest.fixture(autouse=True)
def several_chunks(monkeypatch):
    monkeypatch.setattr(batch, "USERS_PER_CHUNK", 16)


@pytest.mark.parametrize("model", ["recommender", "without_draws"])
@pytest.mark.parametrize("filters", [Filters(), Filters(genres=["odd"], types=["TV"])])
def test_lists_of_all_users_are_those_of_each_user(request, model, filters):
    assert_same_as_one_by_one(request.getfixturevalue(model), filters)


@pytest.mark.parametrize("network", ["wide", "deep"])
def test_a_model_with_draws_and_only_one_part_lists_for_all_users_too(features, tmp_path, network):
    recommender = Recommender(train(features, tmp_path, f"model={network}"))
    assert recommender.scorer.posterior.draws
    assert_same_as_one_by_one(recommender, Filters())


def test_lists_have_the_outside_ids_whatever_their_type(models, recommender, tmp_path):
    large = renamed(models, tmp_path / "large", lambda n: n + 2**40)
    texts = renamed(models, tmp_path / "texts", "n {}".format)
    expected = lists(recommender, 3)
    for user, of_user in lists(Recommender(large), 3).items():
        titles = [title + 2**40 for title in expected[user - 2**40]["anime_id"]]
        assert of_user["anime_id"].tolist() == titles
    for user, of_user in lists(Recommender(texts), 3).items():
        titles = [f"n {title}" for title in expected[int(user[2:])]["anime_id"]]
        assert of_user["anime_id"].tolist() == titles


def test_a_list_ends_where_a_user_has_rated_the_rest(recommender):
    for user, of_user in lists(recommender, 500).items():
        assert len(of_user) == ITEMS + 1 - len(recommender.user(str(user)).item)
