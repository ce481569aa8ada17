"""Outside ids: text, negative and large ones are numbered once, and nothing else changes."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import clean, features
from pipeline.errors import UserError
from pipeline.settings.sections import Clean, Dataset, Features, Watch
from pipeline.tables.raw import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV, TEST_CSV

DATASET = Dataset("any", 1, 10, Watch("", ""))
FEATURES = Features(
    "auto", seed=0, test_share=0.3, valid_share=0.3, min_ratings=1, min_titles_per_value=1
)
BIG = 76_561_198_000_000_000


def raw(folder, ratings, titles=("5",), users=("1",), test=()):
    """Write the raw files: user and title of each rating, the titles, and the users."""
    files = {
        SCORES_CSV: ["user_id,anime_id,rating", *(f"{u},{i},8" for u, i in ratings)],
        CATALOGUE_CSV: [
            "anime_id,Name,Genres,Type,Source,Studios,Episodes",
            *(f"{i},Called {n},Action,TV,Manga,Bones,12" for n, i in enumerate(titles)),
        ],
        DETAILS_CSV: [
            "Mal ID,Username,Completed,Plan to Watch",
            *(f"{u},named {n},{n},4" for n, u in enumerate(users)),
        ],
    }
    if test:
        files[TEST_CSV] = ["user_id,anime_id,rating", *(f"{u},{i},8" for u, i in test)]
    for name, lines in files.items():
        (folder / name).write_text("\n".join([*lines, ""]), encoding="utf-8")


def cleaned(engine, folder, max_rejected=0.05):
    """Run clean; returns the counts, and the tables by name."""
    counts = clean.clean(DATASET, Clean(max_rejected), engine, folder, folder)
    of_ids = [line for line in counts.pop("assumed") if "All ratings are 8" not in line]
    counts |= {"assumed": of_ids} if of_ids else {}
    return counts, {path.stem: pq.read_table(path) for path in folder.glob("*.parquet")}


def outside(table, ids, column):
    """The outside ids of a column of a clean table."""
    kind = column.removesuffix("_id")
    names = {row["id"]: row["outside"] for row in ids.to_pylist() if row["kind"] == kind}
    return [names.get(number, number) for number in table[column].to_pylist()]


def test_ids_that_fit_int32_are_their_own_numbers(engine, tmp_path):
    raw(tmp_path, [("0", "5"), ("2147483647", "5.0")], users=["0"])
    counts, tables = cleaned(engine, tmp_path)
    assert tables["ratings"]["user_id"].to_pylist() == [0, 2**31 - 1]
    assert tables["ids"].num_rows == 0
    assert tables["ids"].schema.types == [pa.string(), pa.int32(), pa.string()]
    assert "assumed" not in counts


@pytest.mark.parametrize(
    ("ratings", "users", "expected"),
    [
        (["76561198000000002", "76561198000000001"], ["76561198000000002"], [BIG + 1, BIG + 2]),
        (["-1", "-20", "3"], ["3.0", "-1.0"], [-20, -1, 3]),
        (["0", "-0", "0003000000000", " 3e3"], ["+0"], [0, 3000, 3_000_000_000]),
        (["99999999999999999999", "7"], ["7"], [7, 99_999_999_999_999_999_999]),
    ],
)
def test_numbers_outside_int32_are_numbered_by_size_however_they_are_written(
    engine, tmp_path, ratings, users, expected
):
    raw(tmp_path, [(user, f"{n}") for n, user in enumerate(ratings)], users=users)
    counts, tables = cleaned(engine, tmp_path)
    assert tables["ids"]["outside"].to_pylist() == [*map(str, expected)]
    assert tables["ids"]["id"].to_pylist() == [*range(1, len(expected) + 1)]
    assert counts["users"]["kept"] == len(users)
    assert set(outside(tables["users"], tables["ids"], "user_id")) <= {*map(str, expected)}
    negative = min(expected) < 0
    said = "users-score-2023.csv, column 'user_id': negative numbers are ids, such as -1."
    assert counts.get("assumed", []) == ([said] if negative else [])


def test_ids_that_are_text_are_matched_exactly_and_it_is_said(engine, tmp_path):
    pairs = [("anna", "5"), (" Anna ", "5"), ("7", "5"), ("007", "5"), ("", "5"), ("b", "5")]
    raw(tmp_path, pairs, users=["Anna", "7", "anna "])
    counts, tables = cleaned(engine, tmp_path, 0.5)
    texts = ["7", "007", "Anna", "anna", "b"]
    assert sorted(outside(tables["ratings"], tables["ids"], "user_id")) == sorted(texts)
    assert {*outside(tables["users"], tables["ids"], "user_id")} == {"7", "Anna", "anna"}
    assert tables["rejected"].select(["row", "reason", "user_id"]).to_pylist() == [
        {"row": 5, "reason": "no id", "user_id": None}
    ]
    assert counts["assumed"] == [
        "users-score-2023.csv, column 'user_id': all ids are text, as 3 of the ratings have one "
        "that is no whole number, such as 'Anna'."
    ]


def test_a_few_ids_that_are_no_numbers_are_dirt_in_data_of_numbers(engine, tmp_path):
    raw(tmp_path, [("x", "5"), ("-3", "5"), ("1.5", "5"), ("4", "5")])
    counts, tables = cleaned(engine, tmp_path, 0.5)
    assert counts["ratings"]["rejected"] == {"id is not a whole number": 2}
    assert outside(tables["ratings"], tables["ids"], "user_id") == ["-3", "4"]


def test_rejected_rows_have_the_outside_ids(engine, tmp_path):
    raw(tmp_path, [("a", f"{BIG}"), ("a", f"{BIG}"), ("b", "5")], users=["a", "a"])
    _, tables = cleaned(engine, tmp_path, 0.5)
    rejected = tables["rejected"].select(["reason", "user_id", "item_id"]).to_pylist()
    assert [tuple(row.values()) for row in rejected] == [
        ("rated again further down", "a", BIG), ("id stands further up", "a", None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("users", "details", "message"),
    [
        (["7.65612E+16"] * 3, ["1"], r"score-2023\.csv: the id 7\.65612E\+16 has lost its last"),
        (
            ["anna", "bert"],
            ["1", "2"],
            r"details-2023\.csv, column 'Mal ID' has whole numbers, and",
        ),
        (
            ["x", "1", "1.0", "2"],
            ["x"],
            r"in two ways: 25\.0% of .* '1' and '1\.0'\. If ids are nu",
        ),
    ],
)
def test_ids_that_could_be_taken_for_others_are_refused(engine, tmp_path, users, details, message):
    raw(tmp_path, [(user, f"{n}") for n, user in enumerate(users)], users=details)
    with pytest.raises(UserError, match=message):
        cleaned(engine, tmp_path)


def build(engine, folder, name=str, title=str):
    """Run clean and features on some ratings, with users and titles called otherwise.

    Returns:
        The clean tables and the feature tables, by name.
    """
    pairs = [(u, i) for u in range(9) for i in range(7) if (u * i) % 4 != 3]
    tested = [(name(u), title(6)) for u in range(4)]
    raw(
        folder, [(name(u), title(i)) for u, i in pairs],
        titles=[title(i) for i in range(8)], users=[name(u) for u in range(10)], test=tested,
    )  # fmt: skip
    _, tables = cleaned(engine, folder, 0.0 if name is str else 0.05)
    (folder / "features").mkdir()
    features.features(folder, FEATURES, engine, folder / "features")
    return tables, {p.stem: pq.read_table(p) for p in (folder / "features").glob("*.parquet")}


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        (lambda n: f"{BIG + n}", pa.int64()),
        (lambda n: f"{n - 4}.0", pa.int64()),
        (lambda n: f"user {n}", pa.string()),
        (lambda n: f"{10**20 + n}", pa.string()),
    ],
)
def test_only_the_outside_ids_differ_in_the_tables_of_the_model(engine, tmp_path, name, type_):
    (tmp_path / "plain").mkdir()
    (tmp_path / "other").mkdir()
    # From 1, as outside ids are numbered: splits are by a hash of the numbers.
    _, expected = build(engine, tmp_path / "plain", lambda n: str(n + 1), lambda n: str(n + 1))
    _, found = build(engine, tmp_path / "other", name, name)
    assert found.keys() == expected.keys()
    called = [name(n).removesuffix(".0") for n in range(10)]
    for table, rows in expected.items():
        keys = [column for column in rows.column_names if column.endswith("_id")]
        assert found[table].drop_columns(keys).equals(rows.drop_columns(keys)), table
        for key in keys:
            assert found[table][key].type == type_
            outside = [None if n is None else called[n - 1] for n in rows[key].to_pylist()]
            assert found[table][key].cast("string").to_pylist() == outside


SPELLINGS = st.sampled_from(["{}", "{}.0", " {} ", "0{}", "+{}"])


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(-9, 2**63 - 1), st.integers(0, 9), SPELLINGS),
        min_size=1,
        unique_by=lambda row: row[:2],
    )
)
def test_every_spelling_of_a_number_is_the_same_id(engine, tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("numbers")
    written = [(spelling.format(u) if u >= 0 else f"{u}", f"{i}") for u, i, spelling in rows]
    raw(folder, written, users=[f"{u}.0" for u in {u for u, _, _ in rows}])
    counts, tables = cleaned(engine, folder, 0.0)
    found = outside(tables["ratings"], tables["ids"], "user_id")
    pairs = zip(map(int, found), tables["ratings"]["item_id"].to_pylist(), strict=True)
    assert sorted(pairs) == sorted((u, i) for u, i, _ in rows)
    numbers = tables["ratings"]["user_id"].to_pylist()
    assert [*map(int, found)] == [x for _, x in sorted(zip(numbers, map(int, found), strict=True))]
    assert counts["users"]["kept"] == len({u for u, _, _ in rows})


TEXTS = st.text("abZ19.é", min_size=1, max_size=4).filter(lambda text: text.strip("19."))


@settings(max_examples=15)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, unique=True), st.randoms())
def test_texts_are_ids_as_they_are_in_any_order_of_rows(engine, tmp_path_factory, pairs, random):
    tables = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("texts")
        raw(folder, pairs, titles=[i for _, i in pairs][:1], users=[u for u, _ in pairs][:1])
        tables.append(cleaned(engine, folder, 0.05)[1])
        random.shuffle(pairs)
    first, second = tables
    assert first["ratings"].equals(second["ratings"])
    both = [outside(first["ratings"], first["ids"], key) for key in ("user_id", "item_id")]
    assert sorted(zip(*both, strict=True)) == sorted(pairs)
    assert pd.Series(first["ratings"]["user_id"]).is_monotonic_increasing


def test_text_ids_that_only_the_ratings_have_are_numbered_once_each(engine, tmp_path):
    raw(tmp_path, [("ann", "5"), ("ann", "6"), ("bob", "5")], titles=["5", "6"])
    (tmp_path / DETAILS_CSV).unlink()
    counts, tables = cleaned(engine, tmp_path)
    assert counts["ratings"]["read"] == counts["ratings"]["kept"] == 3
    assert tables["ratings"]["user_id"].to_pylist() == [1, 1, 2]
    assert outside(tables["ratings"], tables["ids"], "user_id") == ["ann", "ann", "bob"]
