"""Lists of ratings that people bring: CSV or MyAnimeList's XML, and what can be wrong with them."""

import gzip

import pytest
from helpers.rating_files import BOMB, OUTSIDE, XML
from pipeline.recommender.titles import Rated

from pipeline.errors import UserError
from pipeline.recommender.rating_files import read


def listed(folder, data):
    path = folder / "list"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read(path, (1, 10))


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_what_myanimelist_exports_is_read_without_the_titles_that_are_not_rated(tmp_path, pack):
    assert listed(tmp_path, pack(XML)) == [Rated("5", 9), Rated("20", 6)]


@pytest.mark.parametrize("name", ["anime_id", "title"])
def test_a_csv_file_names_titles_by_id_or_name_and_the_last_rating_counts(tmp_path, name):
    text = f'\ufeffrating,{name},note\n9,"Monster, the series",x\n7,Mushishi,\n8,Mushishi,\n'
    assert listed(tmp_path, text) == [Rated("Monster, the series", 9), Rated("Mushishi", 8)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB, "is no XML that can be read: EntitiesForbidden"),
        (OUTSIDE, "is no XML that can be read: EntitiesForbidden"),
        ("<myanimelist><anime>", "is no XML that can be read: no element found"),
        ("<html></html>", "no <anime> in it; export the list of anime"),
        ("<m><anime><my_score>5</my_score></anime></m>", "number 1: no <series_animedb_id>"),
        (XML.replace(">9<", ">11<"), "<anime> number 1: rating 11 is not in 1 to 10"),
        (XML.replace(">9<", ">0<").replace(">6<", ">0<"), "no title in it has a rating"),
        ("", "needs the columns rating, and anime_id or title; it has ."),
        ("title\nMonster\n", "needs the columns rating, and anime_id or title; it has title."),
        ("title,rating\nMonster,good\n", "line 2: rating 'good' is no number"),
        ("title,rating\nMonster,nan\n", "line 2: rating nan is not in 1 to 10"),
        ("title,rating\nMonster\n", "line 2: rating '' is no number"),
        ("title,rating\n,5\n", "line 2: no title"),
        ("title,rating\n", "no title in it has a rating"),
        (b"\x1f\x8bgarbage", "cannot be read"),
        (gzip.compress(XML.encode(), mtime=0)[:60], "cannot be read"),
        (bytes(range(256)) * 4, "not a text file (byte"),
        (b"\x00" * 10_000_000, "line 1: no CSV: field larger"),
        (b"a," * 5_000_000, "needs the columns"),
        (gzip.compress(b" " * (65 * 2**20), mtime=0), "larger than 64 MiB"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, data, message):
    with pytest.raises(UserError) as error:
        listed(tmp_path, data)
    assert message in str(error.value)
    assert len(str(error.value)) < 400


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="nothing: no such file"):
        read(tmp_path / "nothing", (1, 10))
