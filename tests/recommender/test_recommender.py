"""Recommendations for users of the data and for new users."""

import json

import numpy as np
import pytest
from helpers.tables import ITEMS
from helpers.training import renamed, train

from pipeline.errors import UserError
from pipeline.recommender.listed import Listed
from pipeline.recommender.lists import Order, check_request
from pipeline.recommender.person import told
from pipeline.recommender.recommender import Recommender
from pipeline.tables.rows import read_rows


def test_pairs_are_predicted_by_id_and_unknown_ids_count_as_average(recommender):
    user, title = np.array([30, 10**9, 30, 10**9]), np.array([50, 50, 10**9, 10**9])
    predictions = recommender.outlook(user, title)["prediction"]
    scorer = recommender.scorer
    known, unknown = (scorer.scores(scorer.taste(row)) for row in (3, 0))
    assert predictions == pytest.approx([known[5], unknown[5], known[0], unknown[0]], abs=1e-5)
    assert len(set(predictions.round(3))) == 4
    assert len(recommender.outlook(user[:0], title[:0])["prediction"]) == 0


def test_users_whose_ids_are_text_are_found_by_id_or_name_unless_both_fit(models, tmp_path):
    texts = Recommender(
        renamed(models, tmp_path, lambda n: f"user{n // 10 + 1}" if n < 300 else f"{n}")
    )
    known = Recommender(models)
    assert texts.user(" 300").item.tolist() == known.user("300").item.tolist()
    assert texts.user("user31").item.tolist() == known.user("310").item.tolist()
    with pytest.raises(
        UserError,
        match=r"'user7' is the name of a user and the id of another; "
        r"write name:user7 or id:user7",
    ):
        texts.user("user7")
    with pytest.raises(UserError, match=r"no user has the id or name '6\.0'"):
        texts.user("6.0")


def test_titles_have_their_outside_ids_in_lists(models, tmp_path):
    texts, known = Recommender(renamed(models, tmp_path, "t{}".format)), Recommender(models)
    expected = [title["anime_id"] for title in known.recommend(known.user("30"), 5)]
    found = texts.recommend(texts.user("t30"), 5)
    assert [title["anime_id"] for title in found] == [f"t{title}" for title in expected]
    assert json.loads(json.dumps(found)) == found


def test_a_title_without_ratings_is_predicted_from_its_attributes(recommender):
    unrated = np.array([(ITEMS + 1) * 10])  # an odd title, and users of odd rows like odd titles
    odd, even = (
        np.mean(
            [recommender.outlook(np.array([user * 10]), unrated)["prediction"][0] for user in users]
        )
        for users in (range(1, 41, 2), range(2, 41, 2))
    )
    assert odd > even + 1


@pytest.mark.parametrize("model", ["recommender", "without_draws"])
def test_a_new_user_is_predicted_well_from_six_ratings(features, request, model):
    recommender = request.getfixturevalue(model)
    rows, rating = read_rows(features, "train")
    test, true = read_rows(features, "test")
    errors, spread = [], []
    for user in range(1, 41):
        train_rows, test_rows = rows["user"] == user, test["user"] == user
        given = rows["item"][train_rows][:6], rating[train_rows][:6]
        scores = recommender.scorer.scores(told(recommender.scorer, *given).taste)
        errors += list(scores[test["item"][test_rows]] - true[test_rows])
        spread += list(true[test_rows] - true.mean())
    assert np.mean(np.square(errors)) < 0.4 * np.mean(np.square(spread))


def test_opposite_ratings_give_opposite_lists(recommender):
    odd = recommender.newcomer([Listed("10", 10), Listed("30", 10), Listed("20", 2)])
    even = recommender.newcomer([Listed("10", 2), Listed("30", 2), Listed("20", 10)])
    first, second = (
        {row["anime_id"] // 10 % 2 for row in recommender.recommend(person, 8)}
        for person in (odd, even)
    )
    assert first == {1}
    assert second == {0}


def test_rated_titles_are_not_listed_and_by_rating_the_highest_predictions_come_first(recommender):
    person = recommender.user("30")
    titles = recommender.recommend(person, 100, order=Order("rating"))
    predictions = [row["prediction"] for row in titles]
    assert predictions == sorted(predictions, reverse=True)
    assert not {row["anime_id"] for row in titles} & {int(item) * 10 for item in person.item}
    assert len(titles) == ITEMS + 1 - len(person.item)


def test_a_user_is_found_by_name_too_and_an_unknown_user_is_explained(recommender):
    assert recommender.user("user3").item.tolist() == recommender.user("30").item.tolist()
    with pytest.raises(
        UserError, match=r"no user has the id or name 'nobody'.*bring their ratings"
    ):
        recommender.user("nobody")


def test_with_diversity_titles_differ_more(recommender):
    person = recommender.newcomer([Listed("10", 10), Listed("20", 2)])
    similar, diverse = (
        {
            row["anime_id"] // 10 % 2
            for row in recommender.recommend(person, 5, order=Order(diversity=d))
        }
        for d in (0.0, 0.9)
    )
    assert similar == {1}
    assert diverse == {0, 1}


def test_similar_titles_are_those_that_the_same_people_like(recommender):
    titles = recommender.similar(recommender.catalogue.match("30").row, 8)
    assert all(row["anime_id"] // 10 % 2 == 1 for row in titles)
    assert 30 not in {row["anime_id"] for row in titles}
    similarity = [row["similarity"] for row in titles]
    assert similarity == sorted(similarity, reverse=True)


def test_unknown_titles_of_a_new_user_are_skipped_unless_all_are_unknown(recommender):
    unknown = Listed("123456", 9), Listed(name="Nonsense Xyz", rating=9)
    assert recommender.newcomer([Listed("10", 9), *unknown]).item.tolist() == [1]
    with pytest.raises(UserError, match="no ratings"):
        recommender.newcomer([])
    with pytest.raises(UserError, match="none of the rated titles is in the catalogue"):
        recommender.newcomer([Listed("123456", 9)])


def test_the_network_alone_gives_reasons_and_similar_titles_too(without_draws):
    for person in (without_draws.user("30"), without_draws.newcomer([Listed("10", 10)])):
        assert all(row["why_watch"] for row in without_draws.recommend(person, 3))
    assert all(row["why"] for row in without_draws.recommend(without_draws.user("30"), 3))
    assert len(without_draws.similar(1, 3)) == 3


def test_a_model_with_a_wide_part_alone_has_no_similar_titles(features, tmp_path):
    recommender = Recommender(train(features, tmp_path, "posterior=none", "model=wide"))
    with pytest.raises(UserError, match="no embeddings of titles to compare"):
        recommender.similar(1, 3)


@pytest.mark.parametrize(
    ("number", "order", "message"),
    [
        (0, Order(), "-k 0: from 1 to 10000 is allowed"),
        (10_001, Order(), "-k 10001: from 1 to 10000 is allowed"),
        (1, Order(diversity=1.1), r"--diversity 1\.1: from 0 to 1 is allowed"),
        (1, Order(diversity=float("nan")), "--diversity nan: from 0 to 1 is allowed"),
        (1, Order(niche=-2), "--niche -2: from -1 to 1 is allowed"),
        (1, Order("newest"), "--order 'newest': choose from best, rating, sure"),
        (1, Order("rating", niche=0.5), "--niche is for --order best"),
    ],
)
def test_a_request_out_of_range_is_explained(number, order, message):
    with pytest.raises(UserError, match=message):
        check_request(number, order, ("-k", "--diversity", "--niche", "--order"))
