"""Lists as people and programs write them: read as what they are, or refused with the reason."""

import csv
import gzip
import io
import json
import zipfile

import pytest
from helpers.rating_files import export
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.recommender.rating_files import parse

SCALE = (1, 10)
HEADERS = {
    "anime_id": ["anime_id", "MAL_ID", "series_animedb_id", "Anime ID"],
    "title": ["title", "Name", "anime_title", "Anime", "Series Title"],
    "rating": ["rating", "Score", "My Score", "your_rating", "MY_RATING"],
    "status": ["status", "my_status", "Watchlist", "List Status", "shelf"],
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
UNRATED = ["", "0", "-1", "NaN", "None", "null", "-", "N/A", r"\N"]
STATUSES = {"watching": "Watching", "completed": "2", "on_hold": "On-Hold", "dropped": "DROPPED"}
NAMES = st.text(
    st.characters(codec="cp1252", categories=["L", "N", "P", "S"]), min_size=1, max_size=12
)
RATING = st.none() | st.integers(1, 10) | st.integers(10, 100).map(lambda tenths: tenths / 10)
ENTRY = st.tuples(NAMES, RATING, st.sampled_from([*STATUSES]))


def told(data, scale=SCALE, stated=None):
    """What is read of a list: id or name, rating and status of each title; what else is said."""
    brought = parse("list", data if isinstance(data, bytes) else data.encode(), scale, stated)
    read = [(entry.anime_id or entry.name, entry.rating, entry.status) for entry in brought.entries]
    return read, " ".join([*brought.skipped, *brought.notes])


def ratings(data, *more):
    return [rating for _, rating, _ in told(data, *more)[0]]


def written(rating, comma, unrated):
    if rating is None:
        return unrated
    return str(rating).replace(".", ",") if comma else str(rating)


@pytest.mark.slow
@settings(max_examples=2000)
@given(st.data())
def test_a_table_in_any_notation_is_read_as_the_plain_model_says(data):
    draw = lambda values: data.draw(st.sampled_from(values))  # noqa: E731
    entries = data.draw(st.lists(ENTRY, min_size=1, max_size=6))
    by_id, encoding, comma = draw([False, True]), draw(ENCODINGS), draw([False, True])
    separator, unrated = draw(",;\t|"), draw(UNRATED)
    columns = ["anime_id" if by_id else "title", "rating", "status"]
    headers = [draw([str, str.upper, str.title])(draw(HEADERS[column])) for column in columns]
    order = data.draw(st.permutations(range(3)))
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator=draw(["\n", "\r\n"]))
    index = draw([[], [""]])
    writer.writerow([*index, *(draw(["", " "]) + headers[i] for i in order)])
    for number, (name, rating, status) in enumerate(entries, start=1):
        title = draw([str(number), f"{number}.0"]) if by_id else name
        cells = title, written(rating, comma, unrated), STATUSES[status]
        writer.writerow([*([number] * len(index)), *(cells[i] for i in order)])
    told_separator = f"sep={separator}\n" if draw([False, True]) else ""
    content = (told_separator + file.getvalue()).encode(encoding)
    # Some bytes are letters in both, and nobody can tell.
    assume(encoding != "cp1252" or content.decode(errors="ignore").isascii())
    if draw([False, True]):
        content = gzip.compress(content, 1)
    try:
        read, _ = told(content)
    except UserError as error:
        assert "they may be" in str(error)  # noqa: PT017
        return
    expected = [
        (number if by_id else name.strip(), rating, status)
        for number, (name, rating, status) in enumerate(entries, start=1)
    ]
    assert [(float(title) if by_id else title, *of) for title, *of in read] == expected


@given(st.lists(ENTRY, min_size=1), st.sampled_from(["utf-8", "utf-16", "iso-8859-1", "cp1252"]))
def test_an_export_in_any_declared_encoding_is_read_as_the_plain_model_says(entries, encoding):
    entries = [(number, rating, status) for number, (_, rating, status) in enumerate(entries, 1)]
    text = export((number, rating or 0, STATUSES[status]) for number, rating, status in entries)
    data = text.replace("UTF-8", encoding).replace("Title", "Çé&").encode(encoding)
    assert told(data) == ([(str(number), *of) for number, *of in entries], "")


@pytest.mark.parametrize("unrated", UNRATED)
def test_a_title_without_a_rating_was_watched(unrated):
    text = f"anime_id,rating\n1,9\n5,{unrated}\n"
    assert told(text) == ([("1", 9, "completed"), ("5", None, "completed")], "")


@pytest.mark.parametrize("wrong", ["good", "inf", "1e3", "-2", "11", "8/0"])
def test_a_wrong_rating_costs_its_title_and_is_said(wrong):
    rest = "".join(f"{number},8\n" for number in range(2, 9))
    read, said = told(f"anime_id,rating\n1,{wrong}\n{rest}")
    assert len(read) == 7
    assert "line 2: rating" in said


def test_a_row_that_cannot_be_read_costs_itself_and_is_said():
    text = 'title,rating\nMonster, Inc,9\n,8\nMushishi,8\n"Akira,7\nNaruto,6\n'
    read, said = told(text)
    assert read == [("Mushishi", 8, "completed")]
    for reason in ("line 2: 3 cells under 2 headers", "line 3: no name", "lines 5 to 6: a line br"):
        assert reason in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anime_id,rating\n1,8.9\n5,7.9\n", [8.9, 7.9]),
        ("anime_id;rating\n1;8,5\n", [8.5]),
        ('anime_id,rating\n1,"8,5"\n', [8.5]),
        ("anime_id,rating\n1,85\n5,70\n20,7\n30,90\n40,55\n", [8.5, 7, 1, 9, 5.5]),
        ("anime_id,rating\n1,8/10\n5,4/5\n20,85/100\n", [8, 8, 8.5]),
        (
            "Date,Name,Year,Letterboxd URI,Rating\n2021,Akira,1988,x,4.5\n2021,B,1988,x,0.5\n",
            [9, 1],
        ),
        ("anime_id,rating\n1,\uff19\n", [9]),
    ],
)
def test_ratings_of_other_scales_are_brought_onto_the_models(text, expected):
    assert ratings(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scale", "text", "expected"),
    [
        ((0.5, 5), export([(1, 9, "2"), (5, 0, "2"), (7, 1, "2")]), [4.5, None, 0.5]),
        ((1, 100), export([(1, 9, "2"), (5, 0, "2")]), [90, None]),
        ((-10, 10), "anime_id,rating\n1,-3\n5,0\n", [-3, 0]),
        ((0.5, 5), "anime_id,rating\n1,9\n5,10\n7,4\n8,8\n9,7\n", [4.5, 5, 2, 4, 3.5]),
    ],
)
def test_a_model_of_another_scale_gets_ratings_of_its_own(scale, text, expected):
    assert ratings(text, scale) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "scale", "readings"),
    [
        ("anime_id,rating\n1,15\n5,12\n", SCALE, "out of 20 or out of 100"),
        ("anime_id,rating\n1,9\n5,12\n", SCALE, "up to 10, with 1 wrong ones or out of 100"),
        ("anime_id,rating\n1,0.5\n5,4.5\n", SCALE, "out of 5 or out of 10"),
        ("anime_id,rating\n1,8\n5,4\n", (0, 100), "out of 10 or out of 100"),
    ],
)
def test_of_two_scales_neither_is_chosen_but_the_one_that_is_stated(text, scale, readings):
    with pytest.raises(UserError, match=readings):
        told(text, scale)
    assert len(ratings(text, scale, (0.5, 20))) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("anime_id,mal_id,rating\n1,2,9\n", "the columns anime_id and mal_id differ"),
        ("title,rating,score\nA,9,7\n", "the columns rating and score differ"),
        ("user,anime_id,rating\na,1,9\nb,5,8\n", "the column user has 2 users"),
        ("series_id,score\n1,9\n", "needs the columns anime_id or title"),
        ("SIMKL_ID,Rating\n1,9\n", "needs the columns anime_id or title"),
    ],
)
def test_columns_that_say_two_things_or_none_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        told(text)


def test_ids_of_other_sites_are_not_taken_for_those_of_the_catalogue():
    simkl = (
        "SIMKL_ID,Title,Watchlist,Rating,MAL_ID\n7,Cowboy Bebop,completed,9,1\n8,Trigun,hold,,\n"
    )
    assert told(simkl)[0] == [("1", 9, "completed"), ("Trigun", None, "on_hold")]
    read, said = told("id,title,rating\n7,Cowboy Bebop,9\n")
    assert read == [("Cowboy Bebop", 9, "completed")]
    assert "The column id may be of another site" in said


ANIME = (
    "<anime><series_animedb_id>{}</series_animedb_id><series_title>{}</series_title>"
    "<my_score>{}</my_score></anime>"
)
MANY = "".join(ANIME.format(number, "A", 8) for number in (1, 5))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n <?xml version='1.0'?><myanimelist>{}</myanimelist>", "1 5"),
        ("<m:myanimelist xmlns:m='urn:x'>{}</m:myanimelist>", "1 5"),
        ("<myanimelist xmlns='urn:x'>{}</myanimelist>", "1 5"),
        ("<export><wrapper>{}</wrapper></export>", "1 5"),
        ("<m>{}" + ANIME.format(7, "Panty & Stocking &nbsp; &#1;\x0b", 9) + "</m>", "1 5 7"),
        ("<m>{}" + ANIME.format(7, "<3 of us", 9) + "</m>", "1 5"),
        ("<myanimelist>{}<anime><series_animedb_id>7</series", "1 5"),
        ("<m>" + ANIME.format(7, "<![CDATA[a & b </anime>]]>", 9) + "{}</m>", "7 1 5"),
    ],
)  # fmt: skip
def test_an_export_that_is_not_quite_xml_is_read(text, expected):
    read, said = told(text.format(MANY))
    assert " ".join(title for title, _, _ in read) == expected
    assert ("number 3: " in said) == (text.count("<anime>") == 1 and "7" not in expected)


@pytest.mark.parametrize("nothing", ["None", "null", "", "0", "-1"])
def test_a_title_of_an_export_without_an_id_is_read_by_its_exact_name_only(nothing):
    text = f"<m>{MANY}{ANIME.format(nothing, 'Cowboy Bebop', 0)}</m>"
    brought = parse("list", text.encode(), SCALE)
    assert [(e.anime_id, e.name, e.exact) for e in brought.entries] == [
        ("1", "A", False), ("5", "A", False), ("", "Cowboy Bebop", True)
    ]  # fmt: skip


def test_damaged_letters_in_a_comment_cost_nothing():
    text = f"<?xml version='1.0' encoding='UTF-8'?><m>{MANY}<!-- caf\xe9 -->é</m>"
    damaged = text.encode("utf-8").replace("caf\xe9".encode(), b"caf\xe9 \xc3")
    read, said = told(damaged)
    assert len(read) == 2
    assert "2 characters are no UTF-8" in said


def zipped(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", ".", 1), content)
    return file.getvalue()


CSV = "anime_id,rating\n1,9\n"


def test_lines_of_spaces_above_the_header_do_no_harm():
    assert told("\n  \t\r\n" + CSV)[0] == [("1", 9, "completed")]


def test_the_one_list_of_a_zip_is_read():
    files = {"folder/": "", "folder/list__csv": CSV, "MACOSX/list__txt": CSV, "README__txt": "a"}
    data = zipped(**files).replace(b"MACOSX/list.txt", b"__MACOSX/li.txt")
    assert told(data) == ([("1", 9, "completed")], "")
    assert told(zipped(list__gz=gzip.compress(CSV.encode())))[0] == [("1", 9, "completed")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped(a__csv=CSV, b__csv=CSV), r"exactly one list in it; it has a\.csv, b\.csv"),
        (zipped(a__txt=CSV, b__txt=CSV), r"exactly one list in it; it has a\.txt, b\.txt"),
        (zipped(a__png="x"), "exactly one list in it; it has none"),
        (zipped(a__csv=CSV)[:60], "cannot be read as ZIP"),
        (zipped(a__csv=" " * (65 * 2**20)), "larger than 64 MiB"),
        (zipped(**{"[Content_Types].xml": "", "xl/a__xml": ""}), "save the list as CSV"),
        (zipped(a__csv=zipped(a__csv=CSV)), "packed twice"),
    ],
    ids=range(7),
)
def test_a_zip_that_cannot_be_used_is_explained(data, message):
    with pytest.raises(UserError, match=message):
        told(data)


ONE = [("1", 9, "completed")]
MEDIA = {"idMal": 1, "title": {"romaji": "Cowboy Bebop"}}
LINK = {"data": {"type": "anime", "id": "42"}}
KITSU = {
    "data": [{"attributes": {"status": "completed", "ratingTwenty": 18},
              "relationships": {"anime": LINK}}],
    "included": [
        {"type": "anime", "id": "42", "attributes": {"canonicalTitle": "Cowboy Bebop"},
         "relationships": {"mappings": {"data": [{"type": "mappings", "id": "3"}]}}},
        {"type": "mappings", "id": "3",
         "attributes": {"externalSite": "myanimelist/anime", "externalId": "1"}},
    ],
}  # fmt: skip


def anilist(*entries, **user):
    return {"data": {"MediaListCollection": {"lists": [{"entries": [*entries]}] * 2, **user}}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"status": 2, "score": 9, "anime_title": "Cowboy Bebop", "anime_id": 1}], ONE),
        ({"data": [{"node": {"id": 1}, "list_status": {"score": 9, "status": "completed"}}]}, ONE),
        (anilist({"score": 9, "media": MEDIA}), ONE),
        (anilist({"score": 90, "media": MEDIA, "status": "PAUSED"},
                 user={"mediaListOptions": {"scoreFormat": "POINT_100"}}), [("1", 9, "on_hold")]),
        (anilist({"score": 0, "media": MEDIA | {"idMal": None}}),
         [("Cowboy Bebop", None, "completed")]),
        ([{"target_id": 1, "target_type": "Anime", "score": 9, "status": "completed"},
          {"target_id": 2, "target_type": "Manga", "score": 9, "status": "completed"}], ONE),
        (KITSU, ONE),
        (KITSU | {"included": KITSU["included"][:1]}, [("Cowboy Bebop", 9, "completed")]),
        ({"anime": [{"status": "completed", "user_rating": 9, "show": {"ids": {"mal": 1}}}]}, ONE),
        ([{"Title": "Cowboy Bebop", "Score": 9.0}], [("Cowboy Bebop", 9, "completed")]),
        ([{"id": 1, "score": 8.7, "my_score": 9}, {"id": 5, "score": 8.4, "my_score": None}],
         [*ONE, ("5", None, "completed")]),
    ],
)  # fmt: skip
def test_json_of_the_usual_sites_is_read(value, expected):
    assert told(json.dumps(value))[0] == expected


def test_manga_beside_anime_is_counted():
    manga = {"score": 8, "media": {"idMal": 2, "type": "MANGA"}}
    read, said = told(json.dumps(anilist({"score": 9, "media": MEDIA | {"type": "ANIME"}}, manga)))
    assert read == ONE
    assert "entries are not of anime, and are left out" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}', "no list in it that is known"),
        ("[1, 2]", "no list in it that is known"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('[{"series_id": 1, "score": 9}]', "needs the columns anime_id or title"),
        ('[{"title": {"x": 1}, "score": 9}]', "no name"),
        (
            '[{"id": 1, "score": 9}, {"id": 5, "score": 8.7, "my_score": 9}]',
            "entry 2 has my_score, and entry 1 only score",
        ),
        (json.dumps({"data": [{"attributes": {"ratingTwenty": 9}}]}), "no name"),
    ],
)
def test_json_that_is_no_list_is_explained(text, message):
    with pytest.raises(UserError, match=message):
        told(text)
