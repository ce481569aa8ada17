"""Reasons and taste profile: what moved a user's weights, and what it adds to predictions."""

import numpy as np
import pytest
from helpers.tables import ITEMS
from helpers.training import train

from pipeline.recommender import reasons, taste_profile
from pipeline.recommender.fold_in import fold_in
from pipeline.recommender.listed import Listed
from pipeline.recommender.reasons import KNOWN_BY_MANY, REASONS
from pipeline.recommender.recommender import Recommender


def test_the_parts_of_a_prediction_sum_to_it_and_include_each_rated_title(models, recommender):
    scorer = recommender.scorer
    reasons, rows = recommender.reasons, np.array([1, 5, ITEMS + 1])
    for person in (
        recommender.user("30"),
        recommender.newcomer([Listed("10", 10), Listed("20", 2)]),
    ):
        scores = scorer.scores(person.taste)[rows]
        shift = scorer.neighbours.shift(person.taste.residual)[rows]
        some = person.taste.draws.every(scorer.step).weights
        latent = scorer.explained.latent(some).mean(0)[rows] + shift
        similar = scorer.neighbours.parts(person.taste.residual, rows, person.item)
        assert similar.sum(1) == pytest.approx(shift, abs=1e-6)
        split = reasons.parts(person, rows, scores)
        for parts, score, latent_score in zip(split, scores, latent, strict=True):
            assert parts.total() == pytest.approx(score, abs=1e-5)
            assert len(parts.rated) == len(person.item)
            without_rest = parts.total() - parts.rest
            assert without_rest == pytest.approx(latent_score, abs=1e-4), "rest is no latent score"


def everyone(recommender):
    """A user of the data, and new users with ratings, statuses and titles out of account."""
    mixed = [Listed("10", 10), Listed("20", 2), Listed("40"), Listed("50", None, "dropped")]
    mixed = recommender.newcomer([*mixed, Listed("60", 7, "watching"), Listed("70", 3)])
    return {
        "known": recommender.user("30"),
        "mixed": mixed,
        "without": recommender.without(mixed, ["10", "40"], 5),
        "known without": recommender.without(recommender.user("50"), [], 6),
        "statuses": recommender.newcomer([Listed("10"), Listed("30")]),
    }


@pytest.mark.parametrize("model", ["recommender", "without_draws"])
@pytest.mark.parametrize("who", ["known", "mixed", "without", "known without", "statuses"])
def test_the_parts_of_both_questions_sum_to_the_prediction_and_to_the_chance(request, model, who):
    recommender = request.getfixturevalue(model)
    person, rows = everyone(recommender)[who], np.arange(1, ITEMS + 2)
    described = recommender.details.of(person, rows)
    score = np.array([title["prediction"] for title in described])
    for parts, value in zip(recommender.reasons.parts(person, rows, score), score, strict=True):
        assert parts.total() == pytest.approx(value, abs=1e-4)
        assert len(parts.rated) == len(person.item)
    chance = recommender.lists.watching.chances(person.evidence)[rows]
    split = recommender.reasons.watch_parts(person, rows)
    for parts, value in zip(split, chance, strict=True):
        assert parts.total() == pytest.approx(value, abs=1e-5)
        assert len(parts.listed) == len(person.evidence)
        assert parts.rest >= -1e-6, "it only lifts what is below the base"
        assert parts.rest < 1e-6 or parts.listed.sum() < 0


@pytest.mark.parametrize("model", ["recommender", "without_draws"])
def test_that_many_know_a_title_is_never_the_first_reason_if_there_is_another(request, model):
    recommender, rows, shown = request.getfixturevalue(model), np.arange(1, ITEMS + 2), 0
    for person in everyone(recommender).values():
        score = recommender.scorer.scores(person.taste)[rows]
        for both in recommender.reasons.of(person, rows, score):
            what = [part["what"] for part in both["why"]]
            shown += KNOWN_BY_MANY in what
            assert KNOWN_BY_MANY not in what[:-1]
    assert shown, "it is shown where it is among the largest"


def test_reasons_to_watch_are_the_titles_on_the_list_that_say_most_for_it(recommender):
    person = everyone(recommender)["mixed"]
    names = {"Title number 4, watched", "Title number 5, watched", "Title number 6, rated 7"}
    names |= {"Title number 1, rated 10", "Title number 2, rated 2", "Title number 7, rated 3"}
    rows = np.arange(8, ITEMS + 1)
    reasons = recommender.reasons.of(person, rows, recommender.scorer.scores(person.taste)[rows])
    split = recommender.reasons.watch_parts(person, rows)
    assert any(both["why_watch"] for both in reasons)
    for both, parts in zip(reasons, split, strict=True):
        shares = [part["share"] for part in both["why_watch"]]
        assert {part["what"] for part in both["why_watch"]} <= names
        largest = sorted(parts.listed / parts.total(), reverse=True)[:REASONS]
        assert shares == pytest.approx([share for share in largest if share > 0], abs=6e-4)


def test_the_reasons_are_the_largest_positive_parts(recommender):
    person = recommender.newcomer([Listed("10", 10), Listed("20", 2)])
    best = recommender.recommend(person, 1)[0]
    assert best["why"], "at least one reason"
    assert all(part["points"] > 0 for part in best["why"])
    assert {"Title number 1, rated 10", "Title number 2, rated 2", "genre Odd"} & {
        part["what"] for part in best["why"]
    }


@pytest.mark.parametrize("network", ["wide", "deep"])
def test_a_model_with_only_one_part_gives_reasons_too(features, tmp_path, network):
    recommender = Recommender(train(features, tmp_path, f"model={network}"))
    titles = recommender.recommend(recommender.newcomer([Listed("10", 10), Listed("20", 2)]), 3)
    words = [part["what"] for row in titles for part in row["why"]]
    assert words
    of_titles = [word.startswith("Title number") for word in words]
    assert all(of_titles) if network == "deep" else not all(of_titles)


def test_the_shift_of_the_weights_is_the_same_for_a_new_and_for_a_trained_user(recommender):
    item, rating = np.array([1, 2, 3]), np.array([9.0, 3, 8])
    factors = recommender.scorer.posterior
    new = fold_in(factors, item, rating)
    trained = fold_in(factors, item, rating, new.user)
    shifts = [
        np.einsum("dij,dnj,dn->di", user.covariance, user.design, user.pull)
        for user in (new, trained)
    ]
    assert shifts[0] == pytest.approx(shifts[1], abs=0.1)
    assert trained.user is new.user
    assert fold_in(factors, item[:0], rating[:0]).pull.shape[1] == 0


def test_a_taste_profile_compares_genres_and_decades(recommender, monkeypatch):
    person = recommender.newcomer([Listed("10", 10), Listed("20", 2), Listed("30", 10)])
    catalogue, points = recommender.catalogue, taste_profile.difference(recommender, person)
    genres = taste_profile.by_genre(catalogue, points)
    assert list(genres) == ["Odd", "Even"], "the largest first"
    assert genres["Odd"] > 0.5
    assert genres["Even"] < -0.5
    monkeypatch.setattr(taste_profile, "MAX_GENRES", 1)
    assert len(taste_profile.by_genre(catalogue, points)) == 1
    decades = taste_profile.by_decade(catalogue, points)
    assert list(decades) == ["2000s", "2010s"], "the 1990s and 2020s have too few titles"


def test_reasons_do_not_depend_on_how_many_titles_are_explained_at_a_time(models, monkeypatch):
    recommender = Recommender(models)
    whole = recommender.recommend(recommender.user("30"), 20)
    monkeypatch.setattr(reasons, "CELLS", 1)
    for one, other in zip(recommender.recommend(recommender.user("30"), 20), whole, strict=True):
        for kind, unit in (("why", "points"), ("why_watch", "share")):
            assert [part["what"] for part in one[kind]] == [part["what"] for part in other[kind]]
            points = [part[unit] for part in other[kind]]
            assert [part[unit] for part in one[kind]] == pytest.approx(points, abs=2e-3)
