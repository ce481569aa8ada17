"""Predict the rating of each user_id, anime_id pair in a CSV or Parquet file of any size."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.arrays import Array, Ints
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import destination
from pipeline.paths import MODEL, ROOT
from pipeline.recommender.recommender import Recommender

IDS = ("user_id", "anime_id")
ROWS = 131_072  # read, predicted and written at a time: bounds memory
NO_IDS = np.zeros(0, np.int64)
Predict = Callable[[Ints, Ints], dict[str, Array]]  # users and titles [n] to new columns [n]


def predict_csv(pairs: Path, out: Path, predict: Predict) -> int:
    """Add the columns of ``predict`` to a CSV file; the text of the others does not change.

    Returns:
        The number of rows.

    Raises:
        UserError: the file is not CSV, a column is missing or there already, or an id is not a
            whole number.
    """
    rows, added = 0, [*predict(NO_IDS, NO_IDS)]
    try:
        with pd.read_csv(pairs, dtype=str, keep_default_na=False, chunksize=ROWS) as chunks:
            for frame in chunks:
                _check_columns(pairs, list(frame.columns), added)
                columns = predict(*(_whole_numbers(pairs, frame[name]) for name in IDS))
                frame.assign(**columns).to_csv(
                    out, mode="a" if rows else "w", header=not rows, index=False,
                    float_format="%.4f", lineterminator="\n",
                )  # fmt: skip
                rows += len(frame)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{pairs} cannot be read as CSV: {error}") from error
    return rows


def _whole_numbers(path: Path, column: pd.Series) -> np.ndarray:
    wrong = ~column.str.fullmatch(r"\s*\d{1,18}\s*")
    if wrong.any():
        row, value = column.index[wrong][0], column[wrong].iloc[0]
        where = f"{path}, data row {row + 1}"
        raise UserError(f"{where}: {column.name} {value!r} is not a whole number.")
    return column.astype("int64").to_numpy()


def predict_parquet(pairs: Path, out: Path, predict: Predict) -> int:
    """Add the columns of ``predict`` to a Parquet file; the others do not change.

    Returns:
        The number of rows.

    Raises:
        UserError: the file is not Parquet, a column is missing or there already, or an id is not a
            whole number.
    """
    rows, added = 0, [*predict(NO_IDS, NO_IDS)]
    try:
        with pq.ParquetFile(pairs) as file:
            _check_columns(pairs, file.schema_arrow.names, added)
            for name in IDS:
                kind = file.schema_arrow.field(name).type
                if not pa.types.is_integer(kind):
                    raise UserError(f"{pairs}: {name} has the type {kind}, not a whole number.")
            schema = file.schema_arrow
            for name in added:
                schema = schema.append(pa.field(name, pa.float32()))
            with pq.ParquetWriter(out, schema) as writer:
                for batch in file.iter_batches(ROWS):
                    for name in IDS:
                        if batch[name].null_count:
                            row = rows + batch[name].is_null().index(True).as_py()
                            raise UserError(f"{pairs}, data row {row + 1}: no {name}.")
                    found = predict(*(batch[name].to_numpy() for name in IDS))
                    new = [pa.array(found[name].astype(np.float32)) for name in added]
                    writer.write_batch(pa.record_batch([*batch.columns, *new], schema))
                    rows += len(batch)
    except pa.ArrowInvalid as error:
        raise UserError(f"{pairs} cannot be read as Parquet: {error}") from error
    return rows


def _check_columns(path: Path, columns: list[str], added: list[str]) -> None:
    missing = [name for name in IDS if name not in columns]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; it has {', '.join(columns)}.")
    taken = [name for name in added if name in columns]
    if taken:
        raise UserError(f"{path} already has a column {taken[0]}; rename it, or leave it out.")


def main() -> None:
    """Parse the command line, predict, and write the file."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.predict", description=__doc__)
    parser.add_argument(
        "pairs",
        type=Path,
        help="CSV or .parquet file with the columns user_id and anime_id; other columns are kept",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="file to write, of the same format as pairs"
    )
    parser.add_argument(
        "--model",
        type=Path,
        default=ROOT / MODEL,
        help="folder of the model (default: %(default)s)",
    )
    parser.add_argument(
        "--details",
        action="store_true",
        help="also write how sure the model is: low and high, between which 80 %% of ratings are; "
        "liked, the chance that the user likes the title; and the chance of each rating as "
        "grade_1, grade_2 and so on",
    )
    options = parser.parse_args()
    if not options.pairs.is_file():
        raise UserError(f"{options.pairs}: no such file.")
    parquet = options.pairs.suffix == ".parquet"
    if parquet != (options.out.suffix == ".parquet"):
        raise UserError(f"{options.out}: Parquet is written from Parquet, and CSV from CSV.")
    with destination(options.out) as new:
        recommender = Recommender(options.model)

        def plain(user: Ints, title: Ints) -> dict[str, Array]:
            return {"prediction": recommender.predict(user, title)}

        predict = recommender.outlook if options.details else plain
        rows = (predict_parquet if parquet else predict_csv)(options.pairs, new, predict)
    print(f"{rows} predictions in {options.out}")


if __name__ == "__main__":
    exit_on_user_error(main)
