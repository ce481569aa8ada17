"""A person's ratings from CSV or MyAnimeList's XML export, and files that cannot be used."""

import gzip

import pytest
from helpers.rating_files import BOMB, OUTSIDE, XML

from pipeline.errors import UserError
from pipeline.recommender.catalogue import Rated
from pipeline.recommender.rating_files import read


def written_and_read(folder, data):
    path = folder / "ratings"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read(path, (1, 10))


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_the_export_of_myanimelist_is_read_without_its_unrated_titles(tmp_path, pack):
    assert written_and_read(tmp_path, pack(XML)) == [Rated("5", 9), Rated("20", 6)]


@pytest.mark.parametrize("name", ["anime_id", "title"])
def test_a_csv_file_names_titles_by_id_or_name_and_the_last_rating_counts(tmp_path, name):
    text = f'\ufeffrating,{name},note\n9,"Monster, the series",x\n7,Mushishi,\n8,Mushishi,\n'
    assert written_and_read(tmp_path, text) == [
        Rated("Monster, the series", 9),
        Rated("Mushishi", 8),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB, "cannot be read as XML: EntitiesForbidden"),
        (OUTSIDE, "cannot be read as XML: EntitiesForbidden"),
        ("<myanimelist><anime>", "cannot be read as XML: no element found"),
        ("<html></html>", "no <anime> in it; export your anime list"),
        ("<m><anime><my_score>5</my_score></anime></m>", "number 1: no <series_animedb_id>"),
        (XML.replace(">9<", ">11<"), "<anime> number 1: rating 11 is not from 1 to 10"),
        (XML.replace(">9<", ">0<").replace(">6<", ">0<"), "no title in it has a rating"),
        ("", "needs the columns rating, and anime_id or title; it has none."),
        ("title\nMonster\n", "needs the columns rating, and anime_id or title; it has title."),
        ("title,rating\nMonster,good\n", "line 2: rating 'good' is not a number"),
        ("title,rating\nMonster,nan\n", "line 2: rating nan is not from 1 to 10"),
        ("title,rating\nMonster\n", "line 2: rating '' is not a number"),
        ("title,rating\n,5\n", "line 2: no title"),
        ("title,rating\n", "no title in it has a rating"),
        (b"\x1f\x8bgarbage", "cannot be read"),
        (gzip.compress(XML.encode(), mtime=0)[:60], "cannot be read"),
        (bytes(range(256)) * 4, "is not a UTF-8 text file (byte"),
        (b"\x00" * 10_000_000, "line 1: not valid CSV: field larger"),
        (b"a," * 5_000_000, "needs the columns"),
        (gzip.compress(b" " * (65 * 2**20), mtime=0), "is larger than 64 MiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_explained_in_one_sentence(tmp_path, data, message):
    with pytest.raises(UserError) as error:
        written_and_read(tmp_path, data)
    assert message in str(error.value)
    assert len(str(error.value)) < 400


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nothing: no such file"):
        read(tmp_path / "nothing", (1, 10))
