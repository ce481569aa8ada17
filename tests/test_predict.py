"""Predict: CSV and Parquet files of pairs, in chunks, and files that cannot be used."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.training import renamed

from pipeline import predict
from pipeline.errors import UserError
from pipeline.files import destination
from pipeline.predict import predict_csv, predict_parquet
from pipeline.recommender.recommender import Recommender


def mean_of_ids(user_id, anime_id):
    """A model with predictions that are easy to check."""
    return {"prediction": ((user_id + anime_id) / 2).astype("float32")}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(predict, "ROWS", 2)


def csv(folder, content, name="pairs.csv"):
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def parquet(folder, /, **columns):
    pq.write_table(pa.table(columns), folder / "pairs.parquet")
    return folder / "pairs.parquet"


def test_the_text_of_all_columns_of_a_csv_file_is_kept(tmp_path):
    pairs = csv(tmp_path, 'note,user_id,anime_id\n"a, b",007,1\n,2,3\nNA,4,5\n')
    assert predict_csv(pairs, tmp_path / "out", mean_of_ids) == 3
    assert (tmp_path / "out").read_text().splitlines() == [
        "note,user_id,anime_id,prediction",
        '"a, b",007,1,4.0000',
        ",2,3,2.5000",
        "NA,4,5,4.5000",
    ]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("user id;AnimeID;note\n12;2;ö, ä\n", "utf-8-sig"),
        ("user id\tAnimeID\tnote\n12\t2\tö, ä\n", "utf-16"),
        ("sep=;\nuser id;AnimeID;note\n12;2;ö, ä\n", "cp1252"),
    ],
)
def test_a_csv_file_in_another_dialect_is_read_and_it_is_said(tmp_path, capsys, content, encoding):
    (tmp_path / "pairs.csv").write_text(content, encoding=encoding)
    assert predict_csv(tmp_path / "pairs.csv", tmp_path / "out", mean_of_ids) == 1
    written = (tmp_path / "out").read_text(encoding="utf-8")
    assert written == 'user id,AnimeID,note,prediction\n12,2,"ö, ä",7.0000\n'
    assert "; written as UTF-8 with commas" in capsys.readouterr().out


def test_numbers_that_programs_wrote_anew_are_the_same_ids_in_csv_and_parquet(tmp_path):
    pairs = csv(tmp_path, "Anime_ID, USER_ID\n2.0, 12 \n+4.,-12.00\n9007199254740993,3\n")
    seen = []

    def note(user_id, anime_id):
        seen.extend(zip(user_id.tolist(), anime_id.tolist(), strict=True))
        return mean_of_ids(user_id, anime_id)

    assert predict_csv(pairs, tmp_path / "out", note) == 3
    assert seen == [(12, 2), (-12, 4), (3, 2**53 + 1)]
    assert (tmp_path / "out").read_text().startswith("Anime_ID, USER_ID,prediction\n2.0, 12 ,7.0")
    seen.clear()
    numbers, texts = pa.array([2.0, 4, 7]), pa.array([" 12", "-12.0", "+3"]).dictionary_encode()
    assert predict_parquet(parquet(tmp_path, user_id=texts, anime_id=numbers), pairs, note) == 3
    assert seen == [(12, 2), (-12, 4), (3, 7)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_text_is_read_as_it_is_but_for_space_around_it(tmp_path, kind):
    frame = pd.DataFrame({"user_id": [" Ann", "1.0", "NA"], "anime_id": ["1", "2", "3"]})
    pairs, seen = tmp_path / f"pairs.{kind}", []
    frame.to_csv(pairs, index=False) if kind == "csv" else frame.to_parquet(pairs)

    def note(user_id, anime_id):
        seen.extend(zip(user_id.tolist(), anime_id.tolist(), strict=True))
        return {"prediction": np.ones(len(user_id))}

    (predict_csv if kind == "csv" else predict_parquet)(pairs, tmp_path / "out", note, ["user_id"])
    assert seen == [("Ann", 1), ("1.0", 2), ("NA", 3)]


@pytest.mark.parametrize(
    ("ids", "message"),
    [([" ", "b"], "row 1: no user_id"), ([1.0, 2.0], "has the type double, not text")],
)
def test_missing_text_and_numbers_with_decimals_in_place_of_text_are_refused(
    tmp_path, ids, message
):
    pairs = parquet(tmp_path, user_id=ids, anime_id=[1, 2])
    with pytest.raises(UserError, match=message):
        predict_parquet(pairs, tmp_path / "out", mean_of_ids, ["user_id"])


def test_a_gzipped_csv_file_is_read(tmp_path):
    (tmp_path / "pairs.csv.gz").write_bytes(gzip.compress(b"user_id,anime_id\n1,2\n"))
    assert predict_csv(tmp_path / "pairs.csv.gz", tmp_path / "out", mean_of_ids) == 1


def test_all_columns_of_a_parquet_file_keep_their_types(tmp_path):
    note, ids = pa.array(["a", None, "b"]).dictionary_encode(), pa.array([1, 2, 3], "int32")
    pairs = parquet(tmp_path, note=note, user_id=ids, anime_id=pa.array([5, 6, 7], "uint16"))
    assert predict_parquet(pairs, tmp_path / "out", mean_of_ids) == 3
    written = pq.read_table(tmp_path / "out")
    assert written.drop_columns("prediction").equals(pq.read_table(pairs))
    assert written["prediction"].to_pylist() == [3, 4, 5]


def test_files_without_rows_are_allowed(tmp_path):
    pairs = csv(tmp_path, "user_id,anime_id\n")
    assert predict_csv(pairs, tmp_path / "out", mean_of_ids) == 0
    assert (tmp_path / "out").read_text() == "user_id,anime_id,prediction\n"
    none = pa.array([], "int64")
    assert (
        predict_parquet(parquet(tmp_path, user_id=none, anime_id=none), tmp_path / "o", mean_of_ids)
        == 0
    )
    assert pd.read_parquet(tmp_path / "o").columns.tolist() == ["user_id", "anime_id", "prediction"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("user,anime_id\n1,2\n", r"no column user_id; it has user, anime_id"),
        ("user_id,anime_id\n1,2\n1,2\n1,Bebop\n", r"data row 3: anime_id 'Bebop' is not a whole"),
        ("user_id,anime_id\n,2\n", r"data row 1: no user_id"),
        ("user_id,anime_id,prediction\n1,2,3\n", "already has a column prediction"),
        ("user_id,anime_id\n1,2\n1,2\n1.7,2\n", "data row 3: user_id '1.7' is not a whole number"),
        (f"user_id,anime_id\n1,2\n{10**19},2\n", f"data row 2: user_id '{10**19}' is larger than"),
        (
            "USER_ID,User_ID,anime_id\n1,1,2\n",
            "USER_ID and User_ID may both be user_id; rename one",
        ),
        ("user_id,anime_id\n1,2,\n3,4,\n", "cannot be read as CSV: Length of header or names"),
        ("", "cannot be read as CSV"),
        ('user_id,anime_id\n1,"2\n', "cannot be read as CSV"),
    ],
)
def test_a_csv_file_that_cannot_be_used_is_explained(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        predict_csv(csv(tmp_path, content), tmp_path / "out", mean_of_ids)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user_id": [1]}, r"no column anime_id; it has user_id"),
        ({"user_id": [1.5], "anime_id": [1]}, "data row 1: user_id 1.5 is not a whole number"),
        ({"user_id": [1, 2, 3], "anime_id": [1, 2, None]}, "data row 3: no anime_id"),
        (
            {"user_id": [1, 2**60 + 1.0], "anime_id": [1, 2]},
            "row 2: user_id 1.15.*18 is not a whol",
        ),
        ({"user_id": [[1]], "anime_id": [1]}, "user_id has the type list.*, not a whole number"),
        ({"user_id": ["1", "x"], "anime_id": [1, 1]}, "row 2: user_id 'x' is not a whole number"),
        ({"user_id": [1], "anime_id": [1], "prediction": [1]}, "already has a column prediction"),
    ],
)
def test_a_parquet_file_that_cannot_be_used_is_explained(tmp_path, columns, message):
    with pytest.raises(UserError, match=message):
        predict_parquet(parquet(tmp_path, **columns), tmp_path / "out", mean_of_ids)


def test_a_file_that_is_only_called_parquet_is_explained(tmp_path):
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        predict_parquet(csv(tmp_path, "user_id,anime_id\n1,2\n"), tmp_path / "out", mean_of_ids)


def test_an_error_in_a_late_chunk_leaves_the_file_as_it_was(tmp_path):
    pairs = csv(tmp_path, "user_id,anime_id\n1,2\n1,2\n1,Bebop\n")
    out = csv(tmp_path, "from yesterday", "out.csv")
    with pytest.raises(UserError, match="data row 3"), destination(out) as new:
        predict_csv(pairs, new, mean_of_ids)
    assert out.read_text() == "from yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "pairs.csv"]


@pytest.mark.parametrize(
    ("pairs", "out", "message"),
    [
        ("nothing.csv", "out.csv", r"nothing\.csv: no such file"),
        ("pairs.csv", "nowhere/out.csv", "nowhere: no such folder to write to"),
        ("pairs.csv", "out.parquet", "Parquet is written from Parquet, and CSV from CSV"),
        ("pairs.csv", "out.csv", "no trained model here"),
        ("pairs.csv", "pairs.csv", "is the file of the pairs; write to another one"),
        ("pairs.csv", "link.csv", "is the file of the pairs; write to another one"),
        ("book.csv", "out.csv", "is a workbook of a spreadsheet; save the sheet as CSV"),
        ("table.csv", "out.csv", "is a Parquet file; its name must end in .parquet"),
    ],
)
def test_wrong_arguments_are_explained_before_anything_is_written(
    tmp_path, monkeypatch, pairs, out, message
):
    csv(tmp_path, "user_id,anime_id\n1,2\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "pairs.csv")
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04 and so on")
    (tmp_path / "table.csv").write_bytes(b"PAR1 and so on")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    words = [tmp_path / pairs, "--out", tmp_path / out, "--model", tmp_path]
    monkeypatch.setattr("sys.argv", ["predict", *map(str, words)])
    with pytest.raises(UserError, match=message):
        predict.main()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


PAIRS = pd.DataFrame(
    {"user_id": [30, 50, 10**9, 30, 10], "anime_id": [50, 310, 20, 10**9, 10], "note": [*"abcde"]}
)


def predicted(monkeypatch, models, pairs, *options):
    """The table that the command writes for a table in a file of this format."""
    out = pairs.with_stem("out")
    monkeypatch.setattr(
        "sys.argv", ["predict", str(pairs), "--out", str(out), "--model", str(models), *options]
    )
    predict.main()
    return pd.read_parquet(out) if pairs.suffix == ".parquet" else pd.read_csv(out)


def test_details_say_how_sure_the_model_is_the_same_in_csv_and_parquet(
    tmp_path, monkeypatch, models
):
    PAIRS.to_csv(tmp_path / "pairs.csv", index=False)
    PAIRS.to_parquet(tmp_path / "pairs.parquet", index=False)
    text, binary = (
        predicted(monkeypatch, models, tmp_path / f"pairs.{kind}", "--details")
        for kind in ("csv", "parquet")
    )
    grades = [f"grade_{grade}" for grade in range(1, 11)]
    assert [*text] == [*binary] == [*PAIRS, "prediction", "low", "high", "liked", *grades]
    pd.testing.assert_frame_equal(text, binary, atol=1e-4, check_dtype=False)
    assert binary[[*PAIRS]].equals(PAIRS)
    exact = Recommender(models).outlook(PAIRS["user_id"].to_numpy(), PAIRS["anime_id"].to_numpy())
    for name, values in exact.items():
        assert binary[name].to_numpy() == pytest.approx(values, abs=1e-5), name
    assert binary[grades].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    assert (binary[grades] >= 0).all(axis=None)
    assert (binary["low"] <= binary["high"]).all()
    plain = predicted(monkeypatch, models, tmp_path / "pairs.parquet")
    assert [*plain] == [*PAIRS, "prediction"]
    assert plain["prediction"].to_numpy() == pytest.approx(exact["prediction"], abs=1e-4)


def test_ids_that_are_text_are_predicted_and_unknown_ones_are_counted(
    tmp_path, monkeypatch, models, capsys
):
    texts = renamed(models, tmp_path / "texts", "n° {}".format)
    PAIRS.to_csv(tmp_path / "numbers.csv", index=False)
    ids = {name: PAIRS[name].map("n° {}".format) for name in ("user_id", "anime_id")}
    PAIRS.assign(**ids).to_parquet(tmp_path / "texts.parquet", index=False)
    expected = predicted(monkeypatch, models, tmp_path / "numbers.csv")
    said = capsys.readouterr().out
    found = predicted(monkeypatch, texts, tmp_path / "texts.parquet")
    assert found["prediction"].to_numpy() == pytest.approx(expected["prediction"], abs=1e-4)
    assert capsys.readouterr().out == said.replace(".csv", ".parquet")
    assert said.splitlines()[1:] == [
        "1 of 5 rows have a user that the model does not know: predicted as an average user",
        "1 of 5 rows have a title that the model does not know: predicted as an average title",
    ]


@pytest.mark.parametrize("name", ["prediction", "low", "grade_7"])
def test_a_column_that_details_would_write_twice_is_explained(tmp_path, monkeypatch, models, name):
    pairs = tmp_path / "pairs.csv"
    PAIRS.assign(**{name: np.ones(5)}).to_csv(pairs, index=False)
    with pytest.raises(UserError, match=f"already has a column {name}; rename it"):
        predicted(monkeypatch, models, pairs, "--details")
    assert not (tmp_path / "out.csv").exists()
    PAIRS.assign(**{name: np.ones(5)}).to_parquet(tmp_path / "pairs.parquet", index=False)
    with pytest.raises(UserError, match=f"already has a column {name}; rename it"):
        predicted(monkeypatch, models, tmp_path / "pairs.parquet", "--details")


def test_details_of_a_file_without_rows_are_its_columns(tmp_path, monkeypatch, models):
    PAIRS.iloc[:0].to_csv(tmp_path / "pairs.csv", index=False)
    table = predicted(monkeypatch, models, tmp_path / "pairs.csv", "--details")
    assert len(table) == 0
    assert "grade_10" in table
