"""Series of titles: which is a sequel of which, what comes first and what is next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.recommender.franchises import Franchises
from pipeline.recommender.sequels import predecessors

PARTS = st.sampled_from(
    ["Alpha", "Beta Gamma", "Delta!", "Delta!!", "zoku", "new", "no", "Season 2", "II", "I", "2nd",
     "Part 3", "The Final Season", "Movie", "Movie 1: B", "San", ":", "'", "(OVA)", "x 365", "R2"]
)  # fmt: skip
NAMES = st.lists(PARTS, min_size=1, max_size=4).map(" ".join) | st.none()
TITLES = st.lists(st.tuples(NAMES, st.sampled_from([np.nan, 2000.0, 2001.0])), max_size=12)


def years(*values):
    return np.array([np.nan, *values], float)


def chain(predecessor, row):
    """The predecessors of a title, the nearest first."""
    found = []
    while row := predecessor[row]:
        assert row not in found
        found.append(row)
    return found


@pytest.mark.parametrize(
    "names",
    [
        ["Shingeki no Kyojin", "Shingeki no Kyojin Season 2", "Shingeki no Kyojin Season 3",
         "Shingeki no Kyojin Season 3 Part 2"],
        ["Shingeki no Kyojin Season 3", "Shingeki no Kyojin: The Final Season",
         "Shingeki no Kyojin: The Final Season Part 2"],
        ["Gintama", "Gintama'", "Gintama°", "Gintama.", "Gintama.: Porori-hen"],
        ["K-On!", "K-On!!", "K-On!!: Keikaku!"],
        ["Working!!", "Working'!!", "Working!!!"],
        ["Code Geass: Hangyaku no Lelouch", "Code Geass: Hangyaku no Lelouch R2"],
        ["Mob Psycho 100", "Mob Psycho 100 II", "Mob Psycho 100 III"],
        ["Fate/Zero", "Fate/Zero 2nd Season"],
        ["Haikyuu!!", "Haikyuu!! Second Season"],
        ["Haikyuu!!", "Haikyuu!! To the Top", "Haikyuu!! To the Top Part 2"],
        ["Haikyuu!!", "Haikyuu!! (OVA)"],
        ["Naruto", "Naruto: Shippuuden", "Naruto: Shippuuden Movie 1",
         "Naruto: Shippuuden Movie 2 - Kizuna"],
        ["Kara no Kyoukai Movie 1: Fukan Fuukei", "Kara no Kyoukai Movie 2: Satsujin Kousatsu"],
        ["Major S1", "Major S2", "Major S3"],
        ["Initial D First Stage", "Initial D Second Stage", "Initial D Third Stage"],
        ["Natsume Yuujinchou", "Zoku Natsume Yuujinchou"],
        ["Natsume Yuujinchou", "Natsume Yuujinchou San", "Natsume Yuujinchou Shi"],
        ["Higurashi no Naku Koro ni", "Higurashi no Naku Koro ni Rei"],
        ["Toaru Kagaku no Railgun", "Toaru Kagaku no Railgun T"],
        ["Steins;Gate", "Steins;Gate 0"],
        ["Re:Zero", "Re:Zero 2nd Season", "Re:Zero 2nd Season Part 2"],
    ],
)  # fmt: skip
def test_each_title_of_a_series_follows_the_one_before(names):
    known = [None, *names]
    assert predecessors(known, years(*[np.nan] * len(names))).tolist() == [0, *range(len(names))]


@pytest.mark.parametrize(
    "names",
    [
        ["Love", "Love Live! Sunshine!!"],
        ["Oni no Ko", "Oni no Ko to Yuki Usagi"],
        ["Bokura no", "Bokura no Yoake"],
        ["ID", "Id:Invaded", "ID-0"],
        ["Hunter x Hunter", "Hunter x Hunter (2011)"],
        ["Pet", "P.E.T."],
        ["Himawari!!", "Himawari"],
        ["Area 88", "Area 99"],
        ["Monster", "Monster", "monster"],
        ["Title number 1", "Title number 2"],
        ["Movie 1", "!", "", ":"],
    ],
)
def test_titles_that_only_look_alike_do_not_follow_each_other(names):
    assert not predecessors([None, *names], years(*[np.nan] * len(names))).any()


def test_a_title_does_not_follow_one_that_began_later():
    names = [None, "X", "X II", "X III"]
    assert predecessors(names, years(2000, 2010, 2005)).tolist() == [0, 0, 1, 1]


@given(TITLES)
def test_every_chain_of_predecessors_ends_at_the_franchise(titles):
    names = [None, *(name for name, _ in titles)]
    franchises = Franchises(
        names, began := years(*(year for _, year in titles)), np.zeros(len(names), int)
    )
    for row in range(len(names)):
        before = chain(franchises.predecessor, row)
        assert franchises.franchise[row] == (before[-1] if before else row)
        assert not before or not began[before[0]] > began[row]


@given(TITLES, st.data())
def test_marks_of_franchises_are_those_of_a_walk_along_the_chains(titles, data):
    names = [None, *(name for name, _ in titles)]
    franchises = Franchises(
        names, began := years(*(year for _, year in titles)), np.zeros(len(names), int)
    )
    rows = range(len(names))
    flags = st.lists(st.booleans(), min_size=len(names), max_size=len(names))
    allowed, seen = np.array([[data.draw(flags) for _ in range(3)] for _ in range(2)])
    allowed[:, 0] = seen[:, 0] = False
    first, after = franchises.first_unseen(allowed, seen), franchises.sequels_of(seen)
    for user in range(3):
        left = [row for row in rows if allowed[user, row] and not seen[user, row]]
        left.sort(key=lambda row: (np.nan_to_num(began[row], nan=np.inf), row))
        expected: dict[int, int] = {}
        for row in left:
            expected.setdefault(int(franchises.franchise[row]), row)
        assert np.flatnonzero(first[user]).tolist() == sorted(expected.values())
        assert after[user].tolist() == [
            any(seen[user, other] for other in chain(franchises.predecessor, row)) for row in rows
        ]
        following = franchises.next_in_series(seen[user], allowed[user])
        assert not (following & (seen[user] | ~allowed[user])).any()
        of_next = franchises.franchise[following].tolist()
        assert len(set(of_next)) == len(of_next)
        assert set(of_next) <= set(franchises.franchise[seen[user]].tolist())


SERIES = ["X", "X II", "X III", "X: A Subtitle", "Y", "Y Movie"]
FRANCHISES = Franchises(
    [None, *SERIES], years(2000, 2004, 2008, 2006, 2001, 2001), np.zeros(7, int)
)


def marks(*names):
    return np.array([name in names for name in [None, *SERIES]])


@pytest.mark.parametrize(
    ("seen", "allowed", "following"),
    [
        (["X"], SERIES, ["X II"]),
        (["X", "X II"], SERIES, ["X: A Subtitle"]),
        (["X", "X II", "X: A Subtitle", "Y"], SERIES, ["X III", "Y Movie"]),
        (["X II"], ["X", "X: A Subtitle", "Y"], ["X: A Subtitle"]),
        (["X III"], SERIES, []),
        ([], SERIES, []),
    ],
)
def test_the_next_title_of_a_series_follows_a_seen_one(seen, allowed, following):
    found = FRANCHISES.next_in_series(marks(*seen), marks(*allowed))
    assert [SERIES[row - 1] for row in np.flatnonzero(found)] == following


def test_the_other_titles_of_a_franchise_are_counted_where_they_are_allowed():
    allowed = marks("X", "X II", "X III", "Y")
    assert FRANCHISES.others(np.array([1, 2, 4, 5, 6]), allowed).tolist() == [2, 2, 3, 0, 1]


def test_an_extra_does_not_come_before_the_next_season():
    names = [None, "Geass", "Geass: Picture Drama", "Geass R2"]
    raters = np.array([0, 900, 40, 800])
    franchises = Franchises(names, years(2006, 2007, 2008), raters)
    seen, allowed = np.array([[0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 1]], bool), np.ones(4, bool)
    first = franchises.first_unseen(allowed, seen)
    assert [np.flatnonzero(row[1:]).tolist() for row in first] == [[2], [0], [1]]
    assert np.flatnonzero(franchises.next_in_series(seen[0], allowed)).tolist() == [3]
