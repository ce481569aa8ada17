"""CSV in any dialect, headers in any letters, lists in any notation: read right, or refused."""

import codecs
import csv
import io
import json

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.tables.dialect import Dialect, records, rewrite, sniff
from pipeline.tables.encodings import encoding_of
from pipeline.tables.reading import file_rows
from pipeline.tables.schema import ITEMS, NAMELESS, RATINGS

HEADER = "anime_id,Name,Genres\n"


def read(engine, folder, content, columns=ITEMS):
    """The rows of a file with these bytes in the order of the file, and what was assumed."""
    path = folder / "some.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "plain").mkdir(exist_ok=True)
    rows, _text, assumed = file_rows(engine, path, columns, folder / "plain")
    return rows.order_by("row").to_pyarrow().to_pylist(), assumed


@pytest.mark.parametrize(
    ("content", "assumed"),
    [
        (b"\xef\xbb\xbfanime_id,Name\n1,Caf\xc3\xa9\n", None),
        ("anime_id,Name\n1,Café\n".encode("utf-16"), "UTF-16"),
        (codecs.BOM_UTF16_BE + "anime_id,Name\n1,Café\n".encode("utf-16-be"), "UTF-16"),
        ("anime_id,Name\n1,Café\n".encode("cp1252"), "Windows-1252"),
        ("anime_id;Name\n1;Café\n", "semicolons between columns"),
        ("anime_id\tName\n1\tCafé\n", "tabs between columns"),
        ("anime_id|Name\n1|Café\n", "vertical bars between columns"),
        ("sep=;\r\nanime_id;Name\r\n1;Café\r\n", "semicolons between columns, as its first line"),
        ("\nanime_id,Name\n1,Café\n", "blank lines above the header"),
        (" Anime ID ,NAME\n1,Café\n", "' Anime ID ' is 'anime_id'; 'NAME' is 'Name'"),
        ("anime_id,Name,Title\n1,Café,B\n", "'Title' is not read, as 'Name' is there"),
        (",MAL_ID,title\n0,1,Café\n", "'MAL_ID' is 'anime_id'; 'title' is 'Name'"),
        ("Unnamed: 0,anime_id,Name\n7,1,Café\n", None),
        ('anime_id,Name,x\n1,Café,"a \\"b\\" c"\n', '\\" for a quote'),
    ],
)
def test_a_file_in_another_dialect_is_read_and_what_was_assumed_is_said(
    engine, tmp_path, content, assumed
):
    rows, said = read(engine, tmp_path, content)
    assert [(row["item_id"], row["title"], row["row"]) for row in rows] == [(1, "Café", 1)]
    told = "; ".join(said).removesuffix("no Genres, Type, Source, Studios, Episodes")
    assert (assumed or "") in told
    assert bool(assumed) == bool(told)


def test_a_plain_file_is_not_rewritten(engine, tmp_path):
    read(engine, tmp_path, HEADER + "1,A,Action\n")
    assert list((tmp_path / "plain").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("anime_id,Name|Genres\n1,A|B\n", r"commas or vertical bars .* sep=,"),
        ('anime_id,Name\n1,5\\" disk\n', r'some\.csv: \\" in it may be a quote, or a backslash'),
        ("MAL_ID,item_id,Name\n1,2,A\n", r"'MAL_ID' and 'item_id' may both be .* 'anime_id'"),
        ("Anime ID,anime id,Name\n1,2,A\n", r"'Anime ID' and 'anime id' may both be"),
        ("anime_id,anime_id,Name\n1,2,A\n", r"column 'anime_id' appears 2 times"),
        ("anime_id;Name\n1;A\n2\n", r"some\.csv, row 2 below the header: 1 cells for 2 columns"),
        ('anime_id;Name\n1;"A"b\n', r"some\.csv: line 2 cannot be read as CSV"),
        ("anime_id,Name\n1,トミ\n".encode("shift_jis"), r"line 2.* not certainly Windows-1252"),
        (b"anime_id,Name\n1,Caf\xc3\xa9\n2,Caf\xe9\n", r"line 3.* not certainly Windows-1252"),
        ("anime_id,Name\n1,Привет\n".encode("cp1251"), r"dataset\.encoding="),
        ("id_of,Name\n1,A\n", r"no column 'anime_id'; it has \['id_of', 'Name'\]"),
    ],
)
def test_a_file_that_can_be_read_in_two_ways_or_in_none_is_refused(
    engine, tmp_path, content, message
):
    with pytest.raises(UserError, match=message):
        read(engine, tmp_path, content)


def test_a_declared_encoding_is_used(tmp_path):
    (tmp_path / "a.csv").write_bytes("anime_id,Name\n1,トミ\n".encode("shift_jis"))
    dialect = sniff(tmp_path / "a.csv", "shift_jis")
    rewrite(tmp_path / "a.csv", dialect, tmp_path / "b.csv")
    assert list(records(tmp_path / "b.csv", Dialect()))[1] == ["1", "トミ"]
    with pytest.raises(UserError, match=r"dataset\.encoding: unknown encoding: martian"):
        sniff(tmp_path / "a.csv", "martian")


@pytest.mark.parametrize(
    ("content", "score", "age"),
    [
        ("anime_id,name,rating\n1,A,7.5\n2,B,\n", 7.5, None),  # 2016
        ("anime_id,Name,Score,Rating\n1,A,7.5,R - 17+\n2,B,7,G\n", 7.5, "R - 17+"),  # 2023
        ("anime_id,name,score,rating\n1,A,7.5,R - 17+\n2,B,7,G\n", 7.5, "R - 17+"),
        ("anime_id,name,rating\n1,A,R - 17+\n2,B,G\n", None, "R - 17+"),
    ],
)
def test_a_mean_score_is_not_taken_for_an_age_rating(engine, tmp_path, content, score, age):
    rows, _ = read(engine, tmp_path, content)
    assert (rows[0]["published_score"], rows[0]["age_rating"]) == (score, age)


@pytest.mark.parametrize(
    ("cells", "words", "said"),
    [
        (["Action, Drama", "Drama"], ["Action", "Drama"], ""),
        (["['Action', 'Drama']", "[]"], ["Action", "Drama"], "lists in brackets"),
        (['["Pok\\u00e9mon", "It\'s, so"]'], ["Pokémon", "It's, so"], "lists in brackets"),
        (["['A' 'B']"], ["A", "B"], "lists in brackets"),
        (['{A,"Slice of Life"}'], ["A", "Slice of Life"], "lists in brackets"),
        (["[{'id': 1, 'name': 'Action'}]"], ["Action"], "lists in brackets"),
        (["Action|Drama", "Drama"], ["Action", "Drama"], "vertical bars"),
        (["Action,Drama", "Drama"], ["Action", "Drama"], "commas without spaces"),
        (["Action; Drama", "Drama"], ["Action", "Drama"], "semicolons"),
        (["Action/Drama", "Drama"], ["Action", "Drama"], "slashes"),
        (["Action,  Drama ,", "Drama"], ["Action", "Drama"], "commas and spaces"),
        (["Slice of  Life, Drama", "Drama"], ["Slice of Life", "Drama"], "commas and spaces"),
        (["Action & Drama", "Action, Drama"], ["Action & Drama"], "unclear in 'Action & Drama'"),
        (["Sci-Fi & Fantasy", "Drama"], ["Sci-Fi & Fantasy"], ""),
        (["action, Drama", "Action"], ["action", "Drama"], "'Action' and 'action' are two words"),
        (["A, Inc.,B", "B", "B,C"], ["A, Inc.", "B"], "unclear in 'A, Inc.,B'"),
        (["Steins;Gate", "B"], ["Steins;Gate"], "unclear in 'Steins;Gate'"),
        (["['Action'", "['B'"], [], "not understood: unclear in \"['Action'\""),
        (["['A', ['B']]", "['C']"], [], "unclear in \"['A', ['B']]\""),
        (["A, B", "['C'", "D, E"], ["A", "B"], "unclear in \"['C'\""),
    ],
)
def test_a_notation_is_understood_or_the_first_text_that_is_not_is_said(
    engine, tmp_path, cells, words, said
):
    text = io.StringIO()
    csv.writer(text).writerows(
        [["anime_id", "Name", "Genres"], *([n, "A", cell] for n, cell in enumerate(cells))]
    )
    rows, assumed = read(engine, tmp_path, text.getvalue())
    assert rows[0]["genres"] == words
    assert said in "; ".join(assumed)
    assert ("Genres: " in "; ".join(assumed)) == bool(said)
    assert not any(word[0] in "['" for row in rows for word in row["genres"])


def test_a_missing_value_has_many_spellings_but_a_title_may_be_called_none(engine, tmp_path):
    spellings = ["NA", "NaN", "nan", "\\N", "None", "null", "Unknown", "UNKNOWN", "-", ""]
    lines = [f"{n},{text},{text},{text}" for n, text in enumerate(spellings)]
    rows, _ = read(engine, tmp_path, "\n".join(["anime_id,Name,Type,Genres", *lines]))
    assert {row["type"] for row in rows} == {None}
    assert all(row["genres"] == [] for row in rows)
    assert not any(row["unreadable_type"] for row in rows)
    titles = [row["title"] for row in rows]
    assert titles == [None if text in NAMELESS else text for text in spellings]


def test_a_name_in_html_is_read_as_people_write_it(engine, tmp_path):
    rows, _ = read(engine, tmp_path, "anime_id,Name\n1,Gintama&#039; &amp; &quot;\n")
    assert rows[0]["title"] == "Gintama' & \""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1500000000", 1_500_000_000),
        ("1500000000999", 1_500_000_000),
        ("1500000000000000", 1_500_000_000),
        ("1.5e9", 1_500_000_000),
        ("2017-07-14", 1_499_990_400),
        ("2017-07-14 02:40:00", 1_500_000_000),
        ("2017-07-14T02:40:00Z", 1_500_000_000),
        ("2017-07-14T04:40:00.5+02:00", 1_500_000_000),
        ("14/07/2017", None),
        ("2017", 2017),
        ("NaN", None),
    ],
)
def test_a_time_is_read_as_seconds(engine, tmp_path, text, seconds):
    rows, _ = read(engine, tmp_path, f"user_id,anime_id,rating,timestamp\n1,2,3,{text}\n", RATINGS)
    assert rows[0]["timestamp"] == seconds


# Any table in any dialect -----------------------------------------------------------------------

FEW = [column for column in ITEMS if column.name in ("item_id", "title", "genres")]
WORDS = ["Action", "Slice of Life", "Sci-Fi", "Boys' Love", "Pokémon"]
NAMES = st.text("Aé\"',;|\t\\ \n7", max_size=8) | st.sampled_from(["None", "86", "UNKNOWN", "-"])
TABLES = st.lists(
    st.tuples(NAMES, st.lists(st.sampled_from(WORDS), max_size=3, unique=True)),
    min_size=1,
    max_size=6,
)
NOTATIONS = {
    "plain": ", ".join,
    "bars": "|".join,
    "python": lambda words: str(list(words)),
    "json": lambda words: json.dumps(list(words)),
}
HEADERS = st.tuples(
    st.sampled_from(["anime_id", "MAL_ID", "Anime ID", " anime_id "]),
    st.sampled_from(["Name", "name", "title", "NAME"]),
    st.sampled_from(["Genres", "genre", "GENRES", "Genders"]),
)


@pytest.mark.slow
@settings(max_examples=250)
@given(
    table=TABLES,
    header=HEADERS,
    notation=st.sampled_from(sorted(NOTATIONS)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-32"]),
    delimiter=st.sampled_from(",;\t|"),
    quotes=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    backslash=st.booleans(),
    told=st.booleans(),
    index=st.sampled_from([None, "", "Unnamed: 0"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_table_in_any_dialect_is_read_as_it_was_written_or_refused(
    engine, tmp_path_factory, table, header, notation, encoding, delimiter, quotes, backslash,
    told, index, newline,
):  # fmt: skip
    # Whether two backslashes are one can only be told where a quote has one too.
    assume(not backslash or "\\" not in "".join(title for title, _ in table))
    text = io.StringIO(newline="")
    out = csv.writer(
        text, delimiter=delimiter, quoting=quotes, lineterminator=newline,
        doublequote=not backslash, escapechar="\\" if backslash else None,
    )  # fmt: skip
    before = [] if index is None else [index]
    out.writerow([*before, *header])
    for n, (title, genres) in enumerate(table):
        out.writerow([*[n] * len(before), n, title, NOTATIONS[notation](genres)])
    first = f"sep={delimiter}{newline}" if told else ""
    content = (first + text.getvalue()).encode(encoding)
    try:
        rows, _ = read(engine, tmp_path_factory.mktemp("table"), content, FEW)
    except UserError:
        event("refused")
        return
    stripped = [title.strip() for title, _ in table]
    assert [row["title"] for row in rows] == [None if t in NAMELESS else t for t in stripped]
    assert [row["genres"] for row in rows] == [genres for _, genres in table]
    assert [row["row"] for row in rows] == list(range(1, len(table) + 1))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("anime_id,Name\n1,Café ☆\n", ""),
        ("anime_id,Name\n1,☆", ""),
        ("anime_id,Name\n1,\\\n", ""),
        ('anime_id,Name\n1,"a \\"b\\" ☆"\n', '\\" for a quote'),
    ],
)
def test_letters_and_escapes_may_lie_across_the_pieces_in_which_a_file_is_looked_at(
    engine, tmp_path, monkeypatch, size, text, said
):
    monkeypatch.setattr("pipeline.tables.encodings.CHUNK", size)
    rows, assumed = read(engine, tmp_path, text)
    name = text.split(",")[-1].strip().strip('"').replace('\\"', '"')
    assert rows[0]["title"] == name
    assert said in "; ".join(assumed)
    (tmp_path / "some.csv").write_bytes(f"{text}é".encode() + b"\xff")
    with pytest.raises(UserError, match="not UTF-8"):
        encoding_of(tmp_path / "some.csv")
