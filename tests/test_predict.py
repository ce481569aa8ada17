"""Predict: what is wrong with a file of pairs is said before the model is loaded."""

import pytest

from pipeline import predict
from pipeline.errors import UserError
from pipeline.predict import read_pairs


def write(folder, content):
    path = folder / "pairs.csv"
    path.write_text(content, encoding="utf-8")
    return path


def test_all_columns_are_kept_as_the_text_they_are(tmp_path):
    pairs = read_pairs(write(tmp_path, 'note,user_id,anime_id\n"a, b",007,1\n,2,3\n'))
    assert pairs.columns.tolist() == ["note", "user_id", "anime_id"]
    assert pairs.iloc[0].tolist() == ["a, b", "007", "1"]
    assert pairs.iloc[1].tolist() == ["", "2", "3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("user,anime_id\n1,2\n", r"no column user_id; it has \['user', 'anime_id'\]"),
        ("user_id,anime_id\n1,2\n1,Bebop\n", r"data row 2: anime_id 'Bebop' is no whole number"),
        ("user_id,anime_id\n,2\n", r"data row 1: user_id '' is no whole number"),
        ("", "cannot be read as CSV"),
        ('user_id,anime_id\n1,"2\n', "cannot be read as CSV"),
    ],
)
def test_a_file_that_cannot_be_used_is_explained(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        read_pairs(write(tmp_path, content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.csv: no such file"):
        read_pairs(tmp_path / "nothing.csv")


def test_a_folder_that_is_not_there_is_named_before_anything_is_predicted(tmp_path, monkeypatch):
    pairs, out = write(tmp_path, "user_id,anime_id\n1,2\n"), tmp_path / "nowhere" / "out.csv"
    monkeypatch.setattr("sys.argv", ["predict", str(pairs), "--out", str(out)])
    with pytest.raises(UserError, match="nowhere: no such folder"):
        predict.main()
    assert not out.parent.exists()
