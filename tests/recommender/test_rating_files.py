"""A person's list from CSV or MyAnimeList's XML export, and files that cannot be used."""

import gzip
import json

import pytest
from helpers.rating_files import BOMB, OUTSIDE, XML, export, long_export
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact.scale import Scale
from pipeline.errors import UserError
from pipeline.recommender.listed import Listed
from pipeline.recommender.rating_files import parse, read

SCALE = Scale(1, 10)
WORDS = {  # of each status, as people and other programs write them
    "watching": ["Watching", "watching", "1", "CURRENT"],
    "completed": ["Completed", "2", "", "REPEATING"],
    "on_hold": ["On-Hold", "on hold", "ON_HOLD", "3", "paused"],
    "dropped": ["Dropped", "dropped", "4"],
    "planned": ["Plan to Watch", "plan_to_watch", "plantowatch", "PTW", "6", "Planned"],
}
RATINGS = st.none() | st.integers(1, 10)
STATUSES = st.sampled_from([(status, word) for status, words in WORDS.items() for word in words])


def entries_of(brought):
    """The entries of a list without their places in the file and the names beside ids."""
    entries = [entry._replace(where="", exact=False) for entry in brought.entries]
    return [entry._replace(name="") if entry.anime_id else entry for entry in entries]


def written_and_read(folder, data):
    path = folder / "ratings"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read(path, SCALE)


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_the_export_of_myanimelist_is_read_with_its_unrated_titles(tmp_path, pack):
    entries = [Listed("5", 9), Listed("7"), Listed("20", 6)]
    assert entries_of(written_and_read(tmp_path, pack(XML))) == entries


@given(st.dictionaries(st.integers(1, 10**6), st.tuples(RATINGS, STATUSES), min_size=1))
def test_every_entry_of_an_export_is_read_back(entries):
    text = export((title, rating or 0, word) for title, (rating, (_, word)) in entries.items())
    assert entries_of(parse("list", text.encode(), SCALE)) == [
        Listed(str(title), rating, status) for title, (rating, (status, _)) in entries.items()
    ]


def test_a_long_export_has_all_statuses_and_some_ratings():
    entries = parse("list", long_export(200).encode(), SCALE).entries
    assert len(entries) == 200
    assert {entry.status for entry in entries} == {*WORDS}
    assert sum(entry.rating is not None for entry in entries) == 66


def test_a_list_of_statuses_alone_is_read():
    text = "anime_id,status\n1,planned\n5,\n"
    read = [Listed("1", None, "planned"), Listed("5")]
    assert entries_of(parse("list", text.encode(), SCALE)) == read


@pytest.mark.parametrize("zero", ["0", "-1", "0.0"])
def test_a_number_below_the_scale_stands_for_no_rating_and_one_on_it_is_a_rating(zero):
    text = f"anime_id,rating\n1,{zero}\n".encode()
    assert entries_of(parse("list", text, Scale(1, 10))) == [Listed("1")]
    assert entries_of(parse("list", text, Scale(-1, 10))) == [Listed("1", float(zero))]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB, "cannot be read as XML: it defines entities"),
        (OUTSIDE, "cannot be read as XML: it defines entities"),
        ("<myanimelist><anime>", "cannot be read as XML: no element found"),
        ("<html></html>", "no <anime> in it; export your anime list"),
        ("<m><anime><my_score>5</my_score></anime></m>", "<anime> number 1: no id and no name"),
        ("<m><manga><my_score>5</my_score></manga></m>", "a list of manga; export your anime list"),
        (export([(5, 0, "Seen")]), "number 1: status 'Seen' is unknown; choose from"),
        ("", "is empty"),
        (" \n", "is empty"),
        ("title\nMonster\n", "needs the columns anime_id or title, and rating or status; it has t"),
        ("rating,status\n5,2\n", "needs the columns anime_id or title, and rating or status"),
        ("title,status\nMonster,5\n", "line 2: status '5' is unknown; choose from watching, c"),
        ("title,rating\nMonster,good\n", "line 2: rating 'good' is not a number"),
        ("title,rating\nMonster,-2\n", "line 2: rating -2 is not from 1 to 10"),
        ("title,rating\n,5\n", "line 2: no name"),
        ("title,rating\n", "no title in it"),
        (b"\x1f\x8bgarbage", "cannot be read"),
        (gzip.compress(XML.encode(), mtime=0)[:60], "cannot be read"),
        (bytes(range(256)) * 4, "is not a text file"),
        (b"\x00" * 10_000_000, "is not a text file"),
        (b'title,rating\n"' + b"a" * 200_000, "line 3: not valid CSV: field larger"),
        (b"a," * 5_000_000, "its first line has 10,000,000 characters; it must be a header"),
        (b"title,rating\n" + b"a,1\n" * 60_000, "has more than 50,000 lines"),
        (b"title,rating\n" + b"a,1\n" * 40_000, "a list of 40,000 titles: at most 30,000"),
        (b"[" * 100_000 + b"]" * 100_000, "cannot be read as JSON: maximum recursion depth"),
        (b'[{"anime_id": ' + b"9" * 5000 + b', "rating": 5}]', "(4300 digits)"),
        (b"[" + b"{}," * 2_500_000 + b"{}]", 'has more than 2,000,000 times "{"'),
        (b"[" + b"{}," * 40_000 + b'{"a": 1}]', "a list of 40,001 titles: at most 30,000"),
        (
            json.dumps([{f"{i} {j}": 1 for j in range(9)} for i in range(200)]).encode(),
            "1,800 different keys; a list has at most 1,000",
        ),
        (b"<m>" + b"<![CDATA[" * 1_000_000, "unclosed CDATA section"),
        (b"<m>" + b"<anime " * 1_000_000, "cannot be read as XML"),
        (b"<m " + b'a="1" ' * 100_001 + b"/>", 'more than 100,000 times "="'),
        (b"<m>" + b"<anime><a>" * 40_000, "a list of 30,001 titles: at most 30,000"),
        (gzip.compress(b" " * (65 * 2**20), mtime=0), "is larger than 64 MiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_explained_in_one_sentence(tmp_path, data, message):
    with pytest.raises(UserError) as error:
        written_and_read(tmp_path, data)
    assert message in str(error.value)
    assert len(str(error.value)) < 500


def test_many_damaged_names_cost_no_more_than_their_titles(tmp_path):
    entry = b"<anime><series_title>\xff</series_title></anime>"
    data = (
        b'<?xml version="1.0" encoding="UTF-8"?><m>'
        + entry * 15_000
        + b"<anime><series_title>Monster</series_title></anime></m>"
    )
    brought = parse("list", data, SCALE)
    assert [entry.name for entry in brought.entries] == ["Monster"]
    assert len(brought.skipped) == 15_000


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nothing: no such file"):
        read(tmp_path / "nothing", SCALE)


def test_the_ratings_of_trakt_are_read():
    data = b'[{"rating": 9, "type": "show", "show": {"title": "Monster", "ids": {"trakt": 1}}}]'
    (entry,) = entries_of(parse("x.json", data, SCALE))
    assert (entry.name, entry.rating) == ("Monster", 9)


def test_zeros_and_ones_may_be_thumbs_and_are_refused_unless_it_is_said():
    data = b"anime_id,rating\n1,1\n5,0\n6,1\n"
    with pytest.raises(UserError, match="thumbs, out of 1 or out of 10"):
        parse("x.csv", data, SCALE)
    assert [entry.rating for entry in entries_of(parse("x.csv", data, SCALE, (0, 1)))] == [
        10,
        1,
        10,
    ]
