"""Damaged files: either every row is accounted for, or one clear error names the file."""

import csv
import io
import os
import re
import tempfile
import tracemalloc
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.damages import DAMAGES, SCALE, WHOLE, as_csv, as_rows, long, whole
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pipeline.clean import clean
from pipeline.errors import UserError
from pipeline.files import replacing
from pipeline.paths import CLEAN, RAW
from pipeline.settings.sections import Clean, Duckdb, Watch
from pipeline.sources import local
from pipeline.tables.engine import connect
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV, layout
from pipeline.tables.schema import MISSING, RATINGS

pytestmark = pytest.mark.slow

EXAMPLES = 15  # per kind of damage


# What must hold ---------------------------------------------------------------------------------


def number(cell, low, high=2**31 - 1):
    """A cell as a whole number in a range, else None; only ASCII digits count."""
    with suppress(ValueError, OverflowError):
        value = float(cell.strip(" \t\n\r\v\f")) if cell.isascii() else None
        if value is not None and low <= value <= high and value == int(value):
            return int(value)
    return None


def whole_id(cell):
    """An id that is a whole number of any size, as text, else None."""
    digits = re.fullmatch(r"[+]?(-?)0*([0-9]+)(?:[.]0*)?", cell.strip(" \t\n\r\v\f"))
    value = number(cell, -(2**31)) if digits is None else int(digits[1] + digits[2])
    return None if value is None else str(value)


def text_id(cell):
    """An id that is text, else None."""
    cell = cell.strip(" \t\n\r\v\f")
    return None if cell in MISSING else cell


def rating(cell):
    """A cell as a number, rounded as 32 bits do, else None."""
    with suppress(ValueError):
        cell = re.sub(r"^(\s*[+-]?\d*),(\d\d?\s*)$", r"\1.\2", cell, flags=re.ASCII)
        value = np.float32(cell.strip(" \t\n\r\v\f")) if cell.isascii() else np.float32("nan")
        return float(value) if abs(value) <= 1e9 else None
    return None


def title(cell):
    cell = cell.strip(" \t\n\r\v\f")
    return None if cell in ("UNKNOWN", "Unknown", "") else cell


def place(names, header):
    """Where a file has a column: by its header, or else by a header in other letters."""
    plain = [re.sub(r"[\s_.-]", "", name).casefold() for name in [header, *names]]
    found = [n for n, name in enumerate(names) if name == header]
    found += [n for n, name in enumerate(plain[1:]) if name == plain[0]]
    return found[0] if found else None


ENTITIES = [
    ("items", CATALOGUE_CSV, "anime_id", "Name", title),
    ("users", DETAILS_CSV, "Mal ID", "Completed", lambda cell: number(cell, 0)),
]


def readers(files, max_rejected):
    """How ids of users and of titles are read: as text if too many in ratings are no numbers."""
    found = []
    for key in ("user_id", "anime_id"):
        cells = [
            row[place(names, key)]
            for names, *rows in (as_rows(files[n]) for n in (SCORES_CSV, TEST_CSV) if n in files)
            for row in rows
        ]
        ids = [cell for cell in cells if text_id(cell) is not None]
        strange = sum(whole_id(cell) is None for cell in ids)
        found.append(text_id if strange > max_rejected * len(ids) else whole_id)
    return found


def expected_ratings(files, read_ids):
    """Kept and rejected rows and pairs watched, computed in plain Python."""
    kept, rejected, watched, tested = [], [], {}, set()
    for file in [name for name in (TEST_CSV, SCORES_CSV) if name in files]:
        names, *rows = as_rows(files[file])
        places = [place(names, name) for name in ("user_id", "anime_id", "rating")]
        read = [
            tuple(read(row[place]) for place, read in zip(places, (*read_ids, rating), strict=True))
            for row in rows
        ]
        good = {
            n: row
            for n, row in enumerate(read, 1)
            if None not in row and min(SCALE) <= row[2] <= max(SCALE)
        }
        last = {row[:2]: n for n, row in good.items()}
        if file == SCORES_CSV:
            unrated = {
                n: row for n, row in enumerate(read, 1) if None not in row and row[2] in (0, -1)
            }
            watched = {row[:2]: n for n, row in unrated.items() if row[:2] not in {*last, *tested}}
        for n, row in enumerate(read, 1):
            if last.get(row[:2]) == n and (file == TEST_CSV or row[:2] not in tested):
                kept.append((*row, file == TEST_CSV))
            elif file == TEST_CSV or watched.get(row[:2]) != n:
                rejected.append(("ratings", file, n, *row))
        tested = set(last)
    return kept, rejected, watched


def expected_entities(table, file, key, value, read, content, read_id):
    names, *rows = as_rows(content)
    kept, rejected = {}, []
    for n, row in enumerate(rows, 1):
        found = read_id(row[place(names, key)])
        if found is None or found in kept:
            ids = (None, found) if table == "items" else (found, None)
            rejected.append((table, file, n, *ids, None))
        else:
            kept[found] = (
                read(row[place(names, value)]) if place(names, value) is not None else None
            )
    return list(kept.items()), rejected


def rows_of(name, *names):
    """The rows of a clean table, with the ids of the files as text."""
    ids = pq.read_table(CLEAN / "ids.parquet").to_pylist() if name != "rejected" else []
    outside = {(f"{row['kind']}_id", row["id"]): row["outside"] for row in ids}
    table = pq.read_table(CLEAN / f"{name}.parquet", columns=[*names])
    return [
        tuple(
            outside.get((n, cell), str(cell)) if n.endswith("_id") and cell is not None else cell
            for n, cell in row.items()
        )
        for row in table.to_pylist()
    ]


def check_accounts(files, counts, max_rejected):
    """Check that tables and counts are those computed from the files in plain Python."""
    kept, rejected = {}, []
    read_ids = readers(files, max_rejected)
    kept["ratings"], gone, watched = expected_ratings(files, read_ids)
    rejected += gone
    for (table, *columns), read_id in zip(ENTITIES, reversed(read_ids), strict=True):
        kept[table], gone = expected_entities(table, *columns, files[columns[0]], read_id)
        rejected += gone
    found = {
        "ratings": rows_of("ratings", "user_id", "item_id", "rating", "is_test"),
        "items": rows_of("items", "item_id", "title"),
        "users": rows_of("users", "user_id", "completed"),
    }
    for table, rows in found.items():
        assert Counter(rows) == Counter(kept[table])
        assert counts[table]["kept"] == len(rows)
        apart = len(watched) if table == "ratings" else 0
        lost = sum(counts[table]["rejected"].values())
        assert counts[table]["read"] == len(rows) + apart + lost
    assert Counter(rows_of("watched", "user_id", "item_id")) == Counter([*watched])
    assert sum(count["read"] for count in counts.values()) == sum(
        len(as_rows(content)) - 1 for content in files.values()
    )
    ids = ("user_id", "item_id", "rating")
    assert Counter(rows_of("rejected", "table", "file", "row", *ids)) == Counter(rejected)
    assert Counter(rows_of("rejected", "table", "reason")) == Counter(
        {(t, reason): n for t, c in counts.items() for reason, n in c["rejected"].items()}
    )


def check_message(error, file):
    message = str(error)
    assert file in message
    assert len(message) < 600
    assert len(message.splitlines()) == 1
    assert not any(word in message for word in ("Traceback", "Possible", "strict_mode"))


def check_copied_or_refused(files):
    """Check that the local source copies all files, or none and names the one it refuses."""
    test = str((RAW / TEST_CSV).resolve()) if TEST_CSV in files else None
    settings = local.Settings("local", 1, 10, Watch("", ""), str(RAW.resolve()), test)
    with tempfile.TemporaryDirectory() as place:
        copies = Path(place) / "raw"
        try:
            with replacing(copies, sealed=False) as folder:
                local.write(settings, folder)
        except UserError:
            assert not names_in(Path(place))
            raise
        assert {name: (copies / name).read_bytes() for name in names_in(copies)} == files


@contextmanager
def workplace(files):
    """Work in a folder with these raw files and the clean tables of an earlier run."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            RAW.mkdir(parents=True)
            CLEAN.mkdir()
            (CLEAN / "earlier").touch()
            for name, content in files.items():
                (RAW / name).write_bytes(content)
            yield
        finally:
            os.chdir(before)


def clean_in_place(max_rejected):
    """Run clean as the stage does; returns the counts of the tables."""
    dataset = local.Settings("local", min(SCALE), max(SCALE), Watch("", ""), None, None)
    with replacing(CLEAN, sealed=False) as out, connect(Duckdb("duckdb", 2, "1GB")) as engine:
        counts = clean(dataset, Clean(max_rejected), engine, RAW, out)
    return {table: count for table, count in counts.items() if table != "assumed"}


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def check(files, damaged, max_rejected=1.0):
    """Copy and clean the files; returns the counts, or None if an error names the damaged file."""
    with workplace(files):
        try:
            check_copied_or_refused(files)
            counts = clean_in_place(max_rejected)
        except UserError as error:
            check_message(error, damaged)
            assert names_in(CLEAN) == {"earlier"}
            return None
        finally:
            assert names_in(RAW.parent) == {"clean", "raw"}
        tables = (*counts, "watched", "rejected", "ids")
        assert names_in(CLEAN) == {f"{table}.parquet" for table in tables}
        check_accounts(files, counts, max_rejected)
        return counts


# The tests --------------------------------------------------------------------------------------


def check_damaged(files, name, content, max_rejected):
    counts = check(files | {name: content}, name, max_rejected)
    event("refused" if counts is None else "accounted for")


SOME_REJECTED = st.sampled_from([1.0, 0.05])  # largest share of rejected rows


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@settings(max_examples=EXAMPLES)
@given(files=WHOLE, max_rejected=SOME_REJECTED, data=st.data())
def test_a_damaged_file_is_accounted_for_or_refused(damage, files, max_rejected, data):
    name = data.draw(st.sampled_from(sorted(files)), label="file")
    check_damaged(files, name, damage(data.draw, files[name]), max_rejected)


@settings(max_examples=2 * EXAMPLES)
@given(
    files=WHOLE,
    max_rejected=SOME_REJECTED,
    damages=st.lists(st.sampled_from(DAMAGES), min_size=2, max_size=4),
    data=st.data(),
)
def test_a_file_with_several_kinds_of_damage_is_accounted_for_or_refused(
    files, max_rejected, damages, data
):
    name = data.draw(st.sampled_from(sorted(files)), label="file")
    content = files[name]
    for damage in damages:
        if as_rows(content):
            content = damage(data.draw, content)
    check_damaged(files, name, content, max_rejected)


@settings(max_examples=10)
@given(files=WHOLE, data=st.data())
def test_a_line_of_megabytes_is_refused(files, data):
    name = data.draw(st.sampled_from(sorted(files)), label="file")
    assert check(files | {name: long(data.draw, files[name])}, name) is None


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (name, place)
        for name in (SCORES_CSV, DETAILS_CSV, CATALOGUE_CSV)
        for place in ("nothing", "a folder", "a broken link")
        if (name, place) != (DETAILS_CSV, "nothing")  # users need no details
    ],
)
def test_a_path_that_is_not_a_file_is_refused(name, place):
    files = whole()
    with workplace(files):
        (RAW / name).unlink()
        if place == "a folder":
            (RAW / name).mkdir()
        elif place == "a broken link":
            (RAW / name).symlink_to("nowhere")
        with pytest.raises(UserError, match=name):
            check_copied_or_refused(files)
        with pytest.raises(UserError, match=name):
            clean_in_place(max_rejected=1.0)


def everything_quoted(content):
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(as_rows(content))
    return text.getvalue().encode()


HARMLESS = {
    "a BOM": lambda content: b"\xef\xbb\xbf" + content,
    "CRLF": lambda content: content.replace(b"\n", b"\r\n"),
    "CR": lambda content: content.replace(b"\n", b"\r"),
    "no newline at the end": lambda content: content.rstrip(b"\n"),
    "blank lines at the end": lambda content: content + b"\n\n\n",
    "a blank line below the header": lambda content: content.replace(b"\n", b"\n\n", 1),
    "columns in another order": lambda content: as_csv([row[::-1] for row in as_rows(content)]),
    "a column more": lambda content: as_csv([[*row, f"a,{row[0]}"] for row in as_rows(content)]),
    "everything quoted": everything_quoted,
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_harmless_changes_do_not_change_the_result(change):
    changed = {name: change(content) for name, content in whole().items()}
    counts = check(changed, "", max_rejected=0.0)
    assert {table: count["kept"] for table, count in counts.items()} == {
        "ratings": 50 - counts["ratings"]["rejected"]["also in the test set"],
        "items": 24,
        "users": 24,
    }


NO_HEADER = {
    "no line end": b"\0" * (1 << 23),
    "a quote that stays open": b'"' + b"a\n" * (1 << 22),
    "a million columns": b"a," * (1 << 22),
}


@pytest.mark.parametrize("content", NO_HEADER.values(), ids=NO_HEADER)
def test_a_file_without_a_header_is_not_read_to_its_end(tmp_path, content):
    (tmp_path / SCORES_CSV).write_bytes(content)
    tracemalloc.start()
    with pytest.raises(UserError, match=f"{SCORES_CSV}: its first lines"):
        layout(tmp_path / SCORES_CSV, RATINGS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(content) / 2


# A file that DuckDB reads in several pieces at once ---------------------------------------------

MANY = 300_000
BAD = [1, 2, 77_777, 150_000, 299_999, MANY]


def many_scores():
    """Rows with and without line breaks in quotes; the rows BAD have an invalid rating."""
    title = '"a title, of ""two""\nlines and with more than a hundred characters' + "." * 80 + '"'
    rows = [f"{n // 500},{n % 500},8,{title if n % 3 else 'x'}" for n in range(1, MANY + 1)]
    for n in BAD:
        rows[n - 1] = f"{n // 500},{n % 500},eight,x"
    return rows


def many_scores_in_place(rows):
    text = "\n".join(["user_id,anime_id,rating,Anime Title", *rows])
    return workplace(whole(tested=False) | {SCORES_CSV: text.encode()})


def test_rejected_rows_of_a_large_file_have_their_numbers():
    with many_scores_in_place(many_scores()):
        counts = clean_in_place(max_rejected=0.05)
        assert [row for (row,) in rows_of("rejected", "row")] == BAD
        assert counts["ratings"]["kept"] == MANY - len(BAD)


def test_an_error_far_down_a_large_file_names_the_line():
    rows = many_scores()
    rows[250_000] = "1,2,8"
    with (
        many_scores_in_place(rows),
        pytest.raises(UserError, match=re.escape(f"{SCORES_CSV}, line 250002 ")),
    ):
        clean_in_place(max_rejected=1.0)
