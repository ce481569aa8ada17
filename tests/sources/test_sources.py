"""Files placed by hand, valid and damaged; MovieLens in the layout of Kaggle."""

import pandas as pd
import pytest
from helpers.archives import FILES, ML_1M, ML_ZIP, contents, mal_2023, movielens_1m, zipped
from helpers.tables import real_data

from pipeline.errors import UserError
from pipeline.settings.sections import Watch
from pipeline.sources import kaggle, movielens
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV


def movielens_100k(path, split):
    return movielens.Settings("movielens", 1, 5, Watch("", ""), str(path), "", "md5:", split)


def as_folder(files, where):
    where.mkdir()
    for name, data in files.items():
        (where / name).write_bytes(data)
    return where


def as_zip(files, where):
    where.write_bytes(zipped(files, "archive/deeper/"))
    return where


PLACED = pytest.mark.parametrize("place", [as_folder, as_zip])


@PLACED
def test_files_placed_by_hand_are_copied_unchanged(place, tmp_path, out):
    kaggle.write(mal_2023(place(FILES | {"more.csv": b""}, tmp_path / "placed")), out)
    assert contents(out) == FILES


@PLACED
def test_a_placed_file_of_another_digest_is_refused_before_anything_is_copied(place, tmp_path, out):
    wrong = place(FILES | {CATALOGUE_CSV: b"another version"}, tmp_path / "placed")
    with pytest.raises(UserError, match=rf"{CATALOGUE_CSV} is damaged or another version") as error:
        kaggle.write(mal_2023(wrong), out)
    assert contents(out) == {}
    assert "https://www.kaggle.com/datasets/owner/name" in str(error.value)


@PLACED
def test_a_placed_file_that_is_missing_is_named(place, tmp_path, out):
    few = place({SCORES_CSV: FILES[SCORES_CSV]}, tmp_path / "placed")
    with pytest.raises(UserError, match=rf"placed: no {DETAILS_CSV}, {CATALOGUE_CSV} in it"):
        kaggle.write(mal_2023(few), out)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[: len(data) // 2], "neither a folder nor a complete zip archive"),
        (lambda data: data[:9000] + bytes(100) + data[9100:], "is damaged"),
    ],
    ids=["cut short", "wrong inside"],
)
def test_a_placed_archive_that_is_damaged_is_refused(change, message, tmp_path, out):
    archive = as_zip(FILES, tmp_path / "placed.zip")
    archive.write_bytes(change(archive.read_bytes()))
    with pytest.raises(UserError, match=message):
        kaggle.write(mal_2023(archive), out)
    with pytest.raises(UserError, match=r"no such folder or file; check dataset\.path"):
        kaggle.write(mal_2023(tmp_path / "elsewhere"), out)


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "folder"])
def test_movielens_1m_is_written_in_the_layout_of_kaggle(archive, tmp_path, out):
    place = tmp_path / "ml-1m"
    if archive:
        place.write_bytes(ML_ZIP)
    else:
        as_folder(ML_1M, place)
    movielens.write(movielens_1m(place), out)
    assert (out / SCORES_CSV).read_text().splitlines() == [
        "user_id,anime_id,rating,timestamp",
        "1,1,5,978300760",
        "1,2,3,978302109",
        "2,3,4,978301968",
    ]
    films = pd.read_csv(out / CATALOGUE_CSV).set_index("anime_id")
    assert films.Name.tolist() == ["Toy Story (1995)", "Les Misérables (1995)", "Untitled"]
    assert films.Genres.tolist() == ["Animation, Children's, Comedy", "Drama", "Drama"]
    assert films.Aired.tolist() == ["1995", "1995", "UNKNOWN"]
    assert pd.read_csv(out / DETAILS_CSV).Gender.tolist() == ["Female", "Male"]
    assert not (out / TEST_CSV).exists()


def test_a_placed_movielens_archive_of_another_digest_is_refused(tmp_path, out):
    (tmp_path / "ml-1m.zip").write_bytes(zipped(ML_1M, "ml-1m/"))
    with pytest.raises(UserError, match="another version"):
        movielens.write(movielens_1m(tmp_path / "ml-1m.zip"), out)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("ratings.dat", "1::1::5::978300760\n1::2::3", r"ratings\.dat, line 2 is damaged"),
        ("ratings.dat", "1::1::five::978300760\n", r"ratings\.dat, line 1 is damaged"),
        ("movies.dat", "", r"movies\.dat is empty"),
    ],
)
def test_a_damaged_movielens_file_is_named_with_its_line(name, text, message, tmp_path, out):
    place = as_folder(ML_1M | {name: text.encode()}, tmp_path / "ml-1m")
    with pytest.raises(UserError, match=message):
        movielens.write(movielens_1m(place), out)


def test_movielens_1m_has_no_split(tmp_path, out):
    with pytest.raises(UserError, match=r"dataset\.split: MovieLens 1M has no split 'u1'"):
        movielens.write(movielens_1m(as_folder(ML_1M, tmp_path / "ml-1m"), split="u1"), out)


def test_movielens_100k_has_a_split_with_a_test_set(out):
    movielens.write(movielens_100k(real_data("ml-100k"), "u1"), out)
    scores, tested = (pd.read_csv(out / name) for name in (SCORES_CSV, TEST_CSV))
    assert (len(scores), len(tested)) == (80_000, 20_000)
    assert scores.iloc[0].tolist() == [1, 1, 5, 874965758]
    assert tested.iloc[0].tolist() == [1, 6, 5, 887431973]


def test_movielens_100k_without_a_split_is_all_its_ratings(out):
    movielens.write(movielens_100k(real_data("ml-100k"), None), out)
    scores = pd.read_csv(out / SCORES_CSV)
    assert len(scores) == 100_000
    assert scores.iloc[0].tolist() == [196, 242, 3, 881250949]
    assert not (out / TEST_CSV).exists()
    users = pd.read_csv(out / DETAILS_CSV)
    assert (len(users), users.Gender.value_counts().to_dict()) == (
        943,
        {"Male": 670, "Female": 273},
    )
    films = pd.read_csv(out / CATALOGUE_CSV).set_index("anime_id")
    assert len(films) == 1682
    assert films.loc[1, ["Name", "Genres", "Aired"]].tolist() == [
        "Toy Story (1995)",
        "Animation, Children's, Comedy",
        "Jan 1, 1995",
    ]
    assert films.loc[267, ["Genres", "Aired"]].tolist() == ["UNKNOWN", "UNKNOWN"]


@pytest.mark.parametrize(
    ("split", "message"),
    [("u9", "'u9' is unknown; one of u1, u2"), ("ua", r"no ua\.base, ua\.test")],
)
def test_an_unknown_split_is_named(split, message, out):
    with pytest.raises(UserError, match=message):
        movielens.write(movielens_100k(real_data("ml-100k"), split), out)


ML_10M = {
    "movies.dat": "1::Amélie (2001)::Comedy|Romance\n2::Heat (1995)::(no genres listed)\n".encode(),
    "ratings.dat": b"1::1::4.5::978300760\n2::2::0.5::978302109\n",
}
ML_LATEST = {
    "movies.csv": b'movieId,title,genres\n1,"Heat, The (1995)",Action|Crime\n',
    "ratings.csv": b"userId,movieId,rating,timestamp\n1,1,4.5,978300760\n",
}


@PLACED
@pytest.mark.parametrize("files", [ML_10M, ML_LATEST], ids=["10M", "latest"])
def test_later_movielens_archives_have_half_stars_and_no_users(place, files, tmp_path, out):
    where = place(files, tmp_path / "placed")
    settings = movielens.Settings("movielens", 0.5, 5, Watch("", ""), str(where), "", None, None)
    facts = movielens.write(settings, out)
    assert ("digests" in facts) == where.is_file()
    assert pd.read_csv(out / SCORES_CSV).rating.iloc[0] == 4.5
    film = pd.read_csv(out / CATALOGUE_CSV).iloc[0]
    assert film.Genres in ("Comedy, Romance", "Action, Crime")
    assert film.Name in ("Amélie (2001)", "Heat, The (1995)")
    assert not (out / DETAILS_CSV).exists()


def test_files_without_a_known_digest_are_taken_and_their_digest_is_told(tmp_path, out, capsys):
    lists = b"user_id,anime_id,rating,watching_status,watched_episodes\n"
    lists += b"1,5,8,2,12\n1,6,0,6,0\n1,7,0,2,12\n1,8,9,6,0\n"
    where = as_folder({"animelist.csv": lists, "anime.csv": b"MAL_ID,Name\n"}, tmp_path / "2020")
    settings = kaggle.Settings(
        "kaggle", 1, 10, Watch("", ""), str(where), "owner/name", None,
        scores="animelist.csv", catalogue="anime.csv",
    )  # fmt: skip
    facts = kaggle.write(settings, out)
    assert pd.read_csv(out / SCORES_CSV).anime_id.tolist() == [5, 7, 8]
    assert facts["left_out"] == {"planned, not watched": 1}
    assert set(facts["digests"]) == {"animelist.csv", "anime.csv"}
    assert f"what was read has {facts['digests']['anime.csv']}" in capsys.readouterr().out
