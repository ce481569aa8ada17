"""Predict the ratings of the user_id, anime_id pairs in a CSV file."""

import argparse
from pathlib import Path

import pandas as pd

from pipeline.config import ROOT
from pipeline.errors import UserError, exit_on_user_error
from pipeline.tables import MODELS, replace_csv

IDS = ["user_id", "anime_id"]


def read_pairs(path: Path) -> pd.DataFrame:
    """Read a CSV file of pairs, every column as the text it is.

    Raises:
        UserError: no such file, no CSV, a missing column, or an id that is no whole number.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file.")
    try:
        pairs = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{path} cannot be read as CSV: {error}") from error
    missing = [name for name in IDS if name not in pairs.columns]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; it has {list(pairs.columns)}.")
    for name in IDS:
        wrong = ~pairs[name].str.fullmatch(r"\s*\d{1,18}\s*")
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise UserError(
                f"{path}, data row {row + 1}: {name} {pairs[name].iloc[row]!r} is no whole number."
            )
    return pairs


def predict(pairs: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return ``pairs`` with the column ``prediction``; unknown ids count as average ones."""
    from pipeline.model.saved import Predictor

    ids = (pairs[name].astype("int64").to_numpy() for name in IDS)
    return pairs.assign(prediction=Predictor(folder).ids(*ids))


def main() -> None:
    """Read the command line, predict, write."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.predict", description=__doc__)
    parser.add_argument(
        "pairs", type=Path, help="CSV with user_id, anime_id; more columns are kept"
    )
    parser.add_argument("--out", type=Path, required=True, help="CSV to write")
    parser.add_argument("--model", type=Path, default=ROOT / MODELS, help="default: %(default)s")
    options = parser.parse_args()
    if not options.out.parent.is_dir():
        raise UserError(f"{options.out.parent}: no such folder to write to.")
    predicted = predict(read_pairs(options.pairs), options.model)
    try:
        replace_csv(options.out, predicted, digits=4)
    except OSError as error:
        raise UserError(f"{options.out} cannot be written: {error}") from error
    print(f"{len(predicted)} predictions in {options.out}")


if __name__ == "__main__":
    exit_on_user_error(main)
