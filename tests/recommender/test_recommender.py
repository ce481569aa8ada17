"""Recommendations: the model's own predictions, for users it knows and for those it is told of."""

from statistics import NormalDist

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.tables import ITEMS, USERS
from helpers.training import train
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact.draws import load_draws
from pipeline.artifact.folder import read_settings
from pipeline.errors import UserError
from pipeline.model.network.export import restored
from pipeline.recommender import batch, taste_profile
from pipeline.recommender.batch import Everyone
from pipeline.recommender.catalogue import Rated, Wanted
from pipeline.recommender.fold_in import fold_in
from pipeline.recommender.grades import ExpectedCurve, chance, expected
from pipeline.recommender.ids import Ids
from pipeline.recommender.reasons import Reasons
from pipeline.recommender.recommender import Recommender
from pipeline.recommender.scorer import Scorer
from pipeline.tables.entities import read_users
from pipeline.tables.rows import read_rows


@pytest.fixture(scope="module")
def recommender(models):
    return Recommender(models)


@pytest.fixture(scope="module")
def without_draws(features, tmp_path_factory):
    return Recommender(train(features, tmp_path_factory.mktemp("network"), "posterior=none"))


def by_hand(folder, user, item):
    """The prediction of a pair, from the stored weights and the equations of docs/model.md."""
    rows, row = read_users(folder / "users.parquet"), np.array([item])
    columns = {"user": np.array([user], "int32"), "item": row.astype("int32")}
    for name, at in (("user", user), ("item", item)):
        table = pq.read_table(folder / f"{name}s.parquet")
        for of in ("sum", "count"):
            columns[f"{name}_{of}"] = table[f"{name}_{of}"].to_numpy()[[at]]
    network = float(np.clip(restored(folder)(columns).numpy()[0], 1, 10))
    settings = read_settings(folder)
    if not settings["posterior"]:
        return network
    kept, predictions = load_draws(folder / "draws.npz"), []
    for draw in kept.draws:
        known = user if user <= rows.n_trained else 0
        weights = draw.users[known].astype(float)
        kind = np.append(kept.attributes[item], 1) @ draw.map
        title = draw.items[item].astype(float) if 0 < item < len(draw.items) else kind
        score = float(draw.intercept)
        if settings["model"]["wide"]:
            k = len(title) - 1
            score += weights[k] + title[k] + weights[k + 1 :] @ kept.attributes[item, kept.crossed]
        else:
            k = len(title)
        score += weights[:k] @ title[:k]
        if len(draw.cuts):
            noise = draw.noise[known]
            above = [NormalDist().cdf((score - cut) * noise**0.5) for cut in draw.cuts]
            predictions.append(1 + sum(above))
        else:
            predictions.append(np.clip(score, 1, 10))
    weight = settings["posterior"]["weight"]
    return weight * np.mean(predictions) + (1 - weight) * network


@pytest.mark.parametrize("network", ["wide", "deep", "wide_deep"])
@pytest.mark.parametrize("draws", [[], ["posterior=none"]])
def test_scores_are_the_predictions_of_the_model(features, tmp_path, network, draws):
    train(features, tmp_path, *draws, f"model={network}")
    scorer, titles = Scorer(tmp_path), [0, 1, 8, 30, 31]
    for user in (0, 1, 7, 40):
        found = scorer.scores(scorer.known(user))
        exact = [by_hand(tmp_path, user, item) for item in titles]
        assert found[titles] == pytest.approx(exact, abs=1e-4)
        some = scorer.pairs(np.array([user]), np.arange(ITEMS + 2)[None, ::3])
        assert some[0] == pytest.approx(found[::3], abs=1e-5)
    users = np.array([7, 0, 40])
    grid = scorer.matrix(users, np.array([5, 31, 0]))
    alone = [scorer.scores(scorer.known(user))[[5, 31, 0]] for user in users]
    assert grid == pytest.approx(np.array(alone), abs=1e-5)


def test_predicting_in_chunks_is_predicting_at_once(recommender, features, monkeypatch):
    rows, rating = read_rows(features, "test")
    scorer = recommender.scorer
    at_once = scorer.judge(rows["user"], rows["item"], rating)
    assert scorer.predict(rows["user"], rows["item"]) == pytest.approx(at_once[0], abs=1e-6)
    monkeypatch.setattr("pipeline.recommender.scorer.CHUNK", 7)
    for one, other in zip(scorer.judge(rows["user"], rows["item"], rating), at_once, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_the_likelihood_is_a_distribution_over_grades_that_knows_the_planted_taste(
    recommender, features
):
    user, item = np.tile([1, 2], 10), np.full(20, 1)
    _, found = recommender.scorer.judge(user, item, np.repeat(np.arange(1.0, 11), 2))
    likely = np.exp(found)
    assert likely[::2].sum() == pytest.approx(1, abs=1e-5)
    assert likely[::2] @ np.arange(1, 11) > likely[1::2] @ np.arange(1, 11) + 2
    rows, rating = read_rows(features, "test")
    _, of_test = recommender.scorer.judge(rows["user"], rows["item"], rating)
    share_of_each = np.bincount(rating.astype(int))[rating.astype(int)] / len(rating)
    assert of_test.mean() > np.log(share_of_each).mean(), "it knows more than how often grades are"


def test_without_draws_there_is_no_likelihood(without_draws):
    assert without_draws.scorer.judge(np.array([1]), np.array([1]), np.array([5.0]))[1] is None


def test_the_chances_of_all_grades_are_one_and_their_mean_is_the_expected_grade():
    cuts, noise = np.array([1.2, 2.5, 3.9, 4.5]), np.array([0.5, 2.0, 9.0])
    score = np.array([-2.0, 3.1, 8.0])
    chances = np.stack([chance(score, noise, cuts, np.full(3, grade)) for grade in range(5)])
    assert chances.sum(0) == pytest.approx([1, 1, 1])
    assert (chances >= 0).all()
    mean = (chances * np.arange(1, 6)[:, None]).sum(0)
    assert expected(score, noise, cuts, (1, 5)) == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize(("name", "width"), [("wide", None), ("deep", 8), ("wide_deep", 8)])
def test_titles_have_vectors_unless_the_model_is_wide_alone(features, tmp_path, name, width):
    found = Scorer(train(features, tmp_path, "posterior=none", f"model={name}")).vectors()
    assert (found is None) if width is None else found.shape == (ITEMS + 1, width)


def test_a_folder_without_a_model_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match="no trained model here; `dvc repro` makes one"):
        Scorer(tmp_path)


@given(st.lists(st.integers(0, 2**40), unique=True), st.lists(st.integers(-9, 2**63 - 1)))
def test_ids_are_found_in_their_rows_and_others_in_row_0(known, asked):
    ids = Ids(np.array([-1, *known]))
    assert ids.rows(np.array(known, "int64")).tolist() == list(range(1, len(known) + 1))
    for one in asked:
        assert ids.row(one) == (known.index(one) + 1 if one in known else 0)
        assert ids.find(str(one)) == ids.row(one)
    assert ids.row(2**80) == 0
    assert not any(map(ids.find, ("", "²", "+1", "9" * 5000)))


def test_pairs_are_predicted_by_id_and_unknown_ids_count_as_average_ones(recommender):
    user, title = np.array([30, 10**9, 30, 10**9]), np.array([50, 50, 10**9, 10**9])
    found = recommender.predict(user, title)
    scorer = recommender.scorer
    known, nobody = (scorer.scores(scorer.known(row)) for row in (3, 0))
    assert found == pytest.approx([known[5], nobody[5], known[0], nobody[0]], abs=1e-5)
    assert len(set(found.round(3))) == 4
    assert len(recommender.predict(user[:0], title[:0])) == 0


def test_a_title_without_ratings_is_predicted_by_what_it_is(recommender):
    new = np.array([(ITEMS + 1) * 10])  # an odd title: as users of odd numbers like them
    liked, not_liked = (
        np.mean([recommender.predict(np.array([user * 10]), new)[0] for user in users])
        for users in (range(1, 41, 2), range(2, 41, 2))
    )
    assert liked > not_liked + 1


def lists(all_lists):
    """The lists of Everyone by user id: anime_id and prediction in order."""
    frame = pa.Table.from_batches(all_lists.lists(), batch.SCHEMA).to_pandas()
    for _, own in frame.groupby("user_id"):
        assert own["rank"].tolist() == list(range(1, len(own) + 1))
    return dict(tuple(frame.groupby("user_id")))


@pytest.mark.parametrize("model", ["recommender", "without_draws"])
@pytest.mark.parametrize("wanted", [Wanted(), Wanted(genres=["odd"], types=["TV"])])
def test_lists_of_all_users_are_those_of_each(request, monkeypatch, model, wanted):
    monkeypatch.setattr(batch, "USERS", 16)
    recommender = request.getfixturevalue(model)
    found = lists(Everyone(recommender, 3, wanted))
    assert len(found) == USERS
    for user, own in found.items():
        one = recommender.recommend(recommender.user(str(user)), 3, wanted, why=False)
        assert own["anime_id"].tolist() == [row["anime_id"] for row in one]
        predictions = [row["prediction"] for row in one]
        assert own["prediction"].to_numpy() == pytest.approx(predictions, abs=1e-5)


def test_a_list_is_as_long_as_there_are_titles(recommender):
    found = lists(Everyone(recommender, 500))
    for user, own in found.items():
        assert len(own) == ITEMS + 1 - len(recommender.user(str(user)).item)


@given(noise=st.floats(0.01, 50), cuts=st.lists(st.floats(-5, 20), min_size=1, max_size=9))
def test_the_expected_grade_is_the_sum_of_chances_to_be_above_each_threshold(noise, cuts):
    from scipy.stats import norm

    cuts, scale = np.sort(cuts), (1, len(cuts) + 1)
    score = np.random.default_rng(0).uniform(cuts[0] - 5, cuts[-1] + 5, 200).astype("float32")
    true = 1 + norm.cdf((score[:, None] - cuts) * noise**0.5).sum(1)
    assert expected(score, np.float32(noise), cuts, scale) == pytest.approx(true, abs=1e-5)
    assert ExpectedCurve(noise, cuts, scale)(score) == pytest.approx(true, abs=2e-5)


def test_a_newcomer_is_predicted_as_well_as_a_user_with_as_many_ratings(features, recommender):
    rows, rating = read_rows(features, "train")
    tested, true = read_rows(features, "test")
    errors, spread = [], []
    for user in range(1, 41):
        own, asked = rows["user"] == user, tested["user"] == user
        taste = fold_in(recommender.scorer, rows["item"][own][:6], rating[own][:6]).taste
        errors += list(recommender.scorer.scores(taste)[tested["item"][asked]] - true[asked])
        spread += list(true[asked] - true.mean())
    assert np.mean(np.square(errors)) < 0.4 * np.mean(np.square(spread)), "of six ratings each"


def test_opposite_ratings_turn_the_list_around(recommender):
    odd = recommender.newcomer([Rated("10", 10), Rated("30", 10), Rated("20", 2)])
    even = recommender.newcomer([Rated("10", 2), Rated("30", 2), Rated("20", 10)])
    first, second = (
        {row["anime_id"] // 10 % 2 for row in recommender.recommend(person, 8)}
        for person in (odd, even)
    )
    assert first == {1}
    assert second == {0}


def test_nothing_that_was_rated_is_listed_and_the_best_come_first(recommender):
    person = recommender.user("30")
    found = recommender.recommend(person, 100)
    score = [row["prediction"] for row in found]
    assert score == sorted(score, reverse=True)
    assert not {row["anime_id"] for row in found} & {int(item) * 10 for item in person.item}
    assert len(found) == ITEMS + 1 - len(person.item)


def test_a_user_is_found_by_name_too_and_a_stranger_is_told_what_to_do(recommender):
    assert recommender.user("user3").item.tolist() == recommender.user("30").item.tolist()
    with pytest.raises(
        UserError, match=r"no user has the id or name 'nobody'.*bring their ratings"
    ):
        recommender.user("nobody")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("30", "Title number 3"),
        ("title NUMBER 3", "Title number 3"),
        ("titel numbr 3", "Title number 3"),
        ("in english 4", "Title number 4"),
    ],
)
def test_titles_are_found_however_they_are_typed(recommender, asked, found):
    assert recommender.catalogue.name(recommender.catalogue.row(asked)) == found


@pytest.mark.parametrize(
    "asked", ["", "  ", "zzzzzz qqqq", "999999999", "💥", "²", "12", "9" * 5000]
)
def test_a_title_that_is_not_there_is_not_taken_for_another(recommender, asked):
    with pytest.raises(UserError, match="no title is called"):
        recommender.catalogue.row(asked)


def test_titles_are_as_wanted(recommender):
    person = recommender.newcomer([Rated("10", 10)])
    wanted = Wanted(genres=["odd"], types=["tv"], years=(2000, 2010))
    for row in recommender.recommend(person, 50, wanted):
        assert row["genres"] == ["Odd"]
        assert row["type"] == "TV"
        assert 2000 <= row["year"] <= 2010
    without = recommender.recommend(person, 50, Wanted(without=["Odd"]))
    assert {genre for row in without for genre in row["genres"]} == {"Even"}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(genres=["Drama"]), "genre 'Drama' is unknown; one of Even, Odd"),
        (Wanted(types=["Radio"]), "type 'Radio' is unknown; one of Movie, TV"),
        (Wanted(genres=["Odd"], without=["odd"]), "genre odd: both wanted and not wanted"),
        (Wanted(years=(2010, 2000)), "years: 2010 is after 2000"),
        (Wanted(years=(2090, None)), "no title that has not been rated is as wanted"),
    ],
)
def test_what_cannot_be_wanted_is_said(recommender, wanted, message):
    with pytest.raises(UserError, match=message):
        recommender.recommend(recommender.newcomer([Rated("10", 10)]), 5, wanted)


def test_the_more_diversity_the_less_alike_are_the_titles(recommender):
    person = recommender.newcomer([Rated("10", 10), Rated("20", 2)])
    plain, mixed = (
        {row["anime_id"] // 10 % 2 for row in recommender.recommend(person, 5, diversity=d)}
        for d in (0.0, 0.9)
    )
    assert plain == {1}
    assert mixed == {0, 1}


def test_similar_titles_are_those_that_the_same_people_like(recommender):
    found = recommender.similar(recommender.catalogue.row("30"), 8)
    assert all(row["anime_id"] // 10 % 2 == 1 for row in found)
    assert 30 not in {row["anime_id"] for row in found}
    values = [row["similarity"] for row in found]
    assert values == sorted(values, reverse=True)


def test_titles_of_a_list_that_are_not_in_the_data_are_passed_over(recommender):
    assert len(recommender.newcomer([Rated("10", 9), Rated("123456", 9)]).item) == 1
    with pytest.raises(UserError, match="none of the titles that were rated"):
        recommender.newcomer([Rated("123456", 9)])
    with pytest.raises(UserError, match="no title is called 'Nonsense Xyz'"):
        recommender.newcomer([Rated("10", 9), Rated("Nonsense Xyz", 9)])


def test_the_parts_of_a_prediction_sum_to_it_and_name_what_the_user_rated(models, recommender):
    reasons, rows = Reasons(models, recommender.scorer), np.array([1, 5, ITEMS + 1])
    for person in (recommender.user("30"), recommender.newcomer([Rated("10", 10), Rated("20", 2)])):
        learned = person.learned or recommender.learned(person.item, person.rating, person.taste)
        scores = recommender.scorer.scores(person.taste)[rows]
        latent = recommender.scorer.latent(person.taste).mean(0)[rows]
        told = reasons.parts(learned, rows, scores)
        for parts, score, before in zip(told, scores, latent, strict=True):
            assert parts.total() == pytest.approx(score, abs=1e-5)
            assert len(parts.rated) == len(person.item)
            weighed = parts.total() - parts.rest
            assert weighed == pytest.approx(before, abs=1e-4), "the rest hides nothing of the score"


def test_what_moved_the_user_most_is_told(recommender):
    person = recommender.newcomer([Rated("10", 10), Rated("20", 2)])
    best = recommender.recommend(person, 1)[0]
    assert best["why"], "there is a reason"
    assert all(why["points"] > 0 for why in best["why"])
    assert {"Title number 1, rated 10", "Title number 2, rated 2", "genre Odd"} & {
        why["what"] for why in best["why"]
    }


def test_weights_are_what_they_were_expected_to_be_and_what_the_ratings_moved_them(recommender):
    item, rating = np.array([1, 2, 3]), np.array([9.0, 3, 8])
    learned = fold_in(recommender.scorer, item, rating)
    again = fold_in(recommender.scorer, item, rating, learned.taste)
    moved = [
        np.einsum("dij,dnj,dn->di", own.covariance, own.design, own.pull)
        for own in (learned, again)
    ]
    assert moved[0] == pytest.approx(moved[1], abs=0.1), "a known taste leads to the same moves"
    assert again.taste is learned.taste
    assert fold_in(recommender.scorer, item[:0], rating[:0]).pull.shape[1] == 0


def test_a_taste_is_told_by_genre_and_decade(recommender, monkeypatch):
    person = recommender.newcomer([Rated("10", 10), Rated("20", 2), Rated("30", 10)])
    titles, more = recommender.catalogue, taste_profile.difference(recommender, person)
    genres = taste_profile.by_genre(titles, more)
    assert list(genres) == ["Odd", "Even"], "the largest first"
    assert genres["Odd"] > 0.5
    assert genres["Even"] < -0.5
    monkeypatch.setattr(taste_profile, "MOST", 1)
    assert len(taste_profile.by_genre(titles, more)) == 1
    decades = taste_profile.by_decade(titles, more)
    assert list(decades) == ["2000s", "2010s"], "of the 1990s and 2020s there are few titles"


def test_a_model_without_draws_recommends_too_and_says_what_it_cannot(without_draws):
    found = without_draws.recommend(without_draws.newcomer([Rated("10", 10)]), 3)
    assert [row["why"] for row in found] == [[], [], []]
    with pytest.raises(UserError, match="no embeddings of titles to compare"):
        without_draws.similar(1, 3)


@pytest.mark.parametrize("network", ["wide", "deep"])
def test_one_part_of_the_model_has_reasons_too(features, tmp_path, network):
    recommender = Recommender(train(features, tmp_path, f"model={network}"))
    found = recommender.recommend(recommender.newcomer([Rated("10", 10), Rated("20", 2)]), 3)
    words = [why["what"] for row in found for why in row["why"]]
    assert words
    assert all(word.startswith("Title number") == (network == "deep") for word in words)
