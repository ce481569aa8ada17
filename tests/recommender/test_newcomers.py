"""Whole lists of new users: ratings, statuses, and what they ask to leave out of account."""

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.recommender.filters import Filters
from pipeline.recommender.listed import Brought, Listed
from pipeline.recommender.newcomers import find, place

MINE = [
    Listed("10", 10), Listed("30", 9), Listed("20", 2), Listed("50", None, "dropped"),
    Listed("60", 3, "dropped"), Listed("70", None, "planned"), Listed("80"),
    Listed("90", None, "on_hold"), Listed("110", None, "watching"),
]  # fmt: skip


def ids(recommender, person, filters=Filters()):  # noqa: B008
    """Ids of all titles that are listed for a person."""
    return {title["anime_id"] for title in recommender.recommend(person, 500, filters, why=False)}


def same_taste(one, other):
    """Whether two people are the same to the model."""
    assert one.taste.network.weights == pytest.approx(other.taste.network.weights, abs=1e-6)
    assert one.taste.draws.weights == pytest.approx(other.taste.draws.weights, abs=1e-6)
    assert one.taste.residual == pytest.approx(other.taste.residual, abs=1e-6)
    assert sorted(one.evidence) == sorted(other.evidence)
    return True


def test_every_entry_of_a_list_has_its_place(recommender):
    item, rating, also = place(find(recommender.catalogue, Brought(tuple(MINE))).entries)
    assert dict(zip(item.tolist(), rating.tolist(), strict=True)) == {1: 10, 3: 9, 2: 2, 6: 3}
    assert also.watched.tolist() == [5, 8, 9, 11], "all that was begun and not rated"
    assert also.dropped.tolist() == [5, 6]
    assert also.planned.tolist() == [7]
    assert also.ignored.tolist() == []


def test_of_two_entries_of_a_title_the_last_counts_whatever_it_is_called(recommender):
    twice = Listed("10", 3), Listed("", 8, "watching", "Title number 1", "line 3")
    found = find(recommender.catalogue, Brought(twice))
    assert found.reading.notes == ("line 3: Title number 1 is there twice; the last one counts.",)
    item, rating, also = place(found.entries)
    assert (item.tolist(), rating.tolist()) == ([1], [8])
    assert not len(also.watched)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([], "no ratings"),
        ([Listed("99999", 9), Listed("99998")], "none of the rated titles is in the catalogue"),
        ([Listed(name="Nonsense Xyz", status="planned")], "no title is called 'Nonsense Xyz'"),
    ],
)
def test_a_list_that_cannot_be_used_is_explained(recommender, listed, message):
    with pytest.raises(UserError, match=message):
        recommender.newcomer(listed)


def test_a_list_of_statuses_alone_works_and_differs_from_an_empty_one(recommender):
    begun = recommender.newcomer([Listed("10"), Listed("30", None, "watching")])
    assert not len(begun.item)
    assert ids(recommender, begun) == {10 * row for row in range(1, 32)} - {10, 30}
    titles = recommender.recommend(begun, 5)
    assert all("watched" in part["what"] for t in titles for part in t["why_watch"])
    assert any(t["why_watch"] for t in titles)
    planned = recommender.newcomer([Listed("10", None, "planned")])
    assert not len(planned.evidence), "what one plans to watch is no evidence"
    assert begun.taste.draws.weights != pytest.approx(planned.taste.draws.weights, abs=1e-4)


def test_what_was_watched_without_a_rating_moves_the_prior_of_the_taste(recommender):
    rated = [Listed("10", 8)]
    plain, more = (
        recommender.newcomer([*rated, *others]) for others in ([], [Listed("20"), Listed("40")])
    )
    assert plain.taste.draws.weights != pytest.approx(more.taste.draws.weights, abs=1e-3)
    assert more.rating.tolist() == plain.rating.tolist()
    assert more.evidence.tolist() == [1, 2, 4]


def test_nothing_that_was_begun_is_listed_again_and_planned_titles_only_if_asked(recommender):
    person = recommender.newcomer(MINE)
    begun = {10, 20, 30, 50, 60, 80, 90, 110}
    everything = {10 * row for row in range(1, 32)} - begun
    assert ids(recommender, person) == everything - {70}
    assert ids(recommender, person, Filters(planned="only")) == {70}
    assert ids(recommender, person, Filters(planned="mark")) == everything
    marked = recommender.recommend(person, 500, Filters(planned="mark"))
    assert [t["anime_id"] for t in marked if t["planned"]] == [70]


def test_titles_out_of_account_say_nothing_and_are_not_listed(recommender):
    person = recommender.newcomer(MINE)
    fewer = [entry for entry in MINE if entry.anime_id not in ("10", "80")]
    ignoring = recommender.without(person, [1, 8])
    assert same_taste(ignoring, recommender.newcomer(fewer))
    assert not {10, 80} & ids(recommender, ignoring)
    assert {10, 80} <= ids(recommender, recommender.newcomer(fewer))
    assert ids(recommender, ignoring) == ids(recommender, person)


def test_titles_out_of_account_again_and_planned_ones_are_not_listed_either(recommender):
    person = recommender.newcomer(MINE)
    once = recommender.without(recommender.without(person, [1]), [7])
    assert not {10, 70} & ids(recommender, once, Filters(planned="mark"))


def test_titles_with_low_ratings_are_taken_out_of_account(recommender):
    person = recommender.newcomer(MINE)
    fewer = [entry for entry in MINE if entry.rating is None or entry.rating >= 9]
    least = recommender.without(person, least=9)
    assert same_taste(least, recommender.newcomer(fewer))
    assert least.also.ignored.tolist() == [2, 6]
    assert least.rating.tolist() == [10, 9], "a rating of 9 is not below 9"
    assert not {20, 60} & ids(recommender, least)
    nothing = recommender.without(person, least=11)
    assert nothing.evidence.tolist() == person.also.watched.tolist()


def test_of_a_user_of_the_data_titles_can_be_left_out_too(recommender):
    known = recommender.user("30")
    entries = [Listed(str(10 * i), r) for i, r in zip(known.item, known.rating, strict=True)]
    away = int(known.item[0])
    assert same_taste(recommender.without(known, [away]), recommender.newcomer(entries[1:]))
    assert 10 * away not in ids(recommender, recommender.without(known, [away]))


def test_a_user_of_the_data_without_anything_left_out_is_nearly_as_trained(recommender):
    known = recommender.user("30")
    folded = recommender.without(known)
    scores = [recommender.scorer.scores(person.taste) for person in (known, folded)]
    assert np.abs(scores[0] - scores[1])[1:].mean() < 0.5
