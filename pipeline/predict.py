"""Predict the ratings of the user_id, anime_id pairs in a file, CSV or Parquet, of any size."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import destination
from pipeline.paths import MODEL, ROOT
from pipeline.recommender.recommender import Recommender

IDS = ("user_id", "anime_id")
ROWS = 131_072  # read, predicted and written at a time: they bound memory
Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]


def predict_csv(pairs: Path, out: Path, predict: Predict) -> int:
    """Write a CSV file with the column ``prediction``, all others as the text they are.

    Returns:
        The number of rows.

    Raises:
        UserError: no CSV, a missing column, or an id that is no whole number.
    """
    rows = 0
    try:
        with pd.read_csv(pairs, dtype=str, keep_default_na=False, chunksize=ROWS) as chunks:
            for frame in chunks:
                _complete(pairs, list(frame.columns))
                prediction = predict(*(_whole(pairs, frame[name]) for name in IDS))
                frame.assign(prediction=prediction).to_csv(
                    out, mode="a" if rows else "w", header=not rows, index=False,
                    float_format="%.4f", lineterminator="\n",
                )  # fmt: skip
                rows += len(frame)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{pairs} cannot be read as CSV: {error}") from error
    return rows


def _whole(path: Path, column: pd.Series) -> np.ndarray:
    wrong = ~column.str.fullmatch(r"\s*\d{1,18}\s*")
    if wrong.any():
        row, value = column.index[wrong][0], column[wrong].iloc[0]
        raise UserError(f"{path}, data row {row + 1}: {column.name} {value!r} is no whole number.")
    return column.astype("int64").to_numpy()


def predict_parquet(pairs: Path, out: Path, predict: Predict) -> int:
    """Write a Parquet file with the column ``prediction``, all others as they are.

    Returns:
        The number of rows.

    Raises:
        UserError: no Parquet, a missing column, or an id that is no whole number.
    """
    rows = 0
    try:
        with pq.ParquetFile(pairs) as file:
            _complete(pairs, file.schema_arrow.names)
            for name in IDS:
                kind = file.schema_arrow.field(name).type
                if not pa.types.is_integer(kind):
                    raise UserError(f"{pairs}: {name} is {kind}, not whole numbers.")
            schema = file.schema_arrow.append(pa.field("prediction", pa.float32()))
            with pq.ParquetWriter(out, schema) as writer:
                for batch in file.iter_batches(ROWS):
                    for name in IDS:
                        if batch[name].null_count:
                            row = rows + batch[name].is_null().index(True).as_py()
                            raise UserError(f"{pairs}, data row {row + 1}: no {name}.")
                    prediction = predict(*(batch[name].to_numpy() for name in IDS))
                    columns = [*batch.columns, pa.array(prediction, pa.float32())]
                    writer.write_batch(pa.record_batch(columns, schema))
                    rows += len(batch)
    except pa.ArrowInvalid as error:
        raise UserError(f"{pairs} cannot be read as Parquet: {error}") from error
    return rows


def _complete(path: Path, columns: list[str]) -> None:
    missing = [name for name in IDS if name not in columns]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}; it has {columns}.")
    if "prediction" in columns:
        raise UserError(f"{path} has a column prediction already; rename it, or leave it out.")


def main() -> None:
    """Read the command line, predict, write."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.predict", description=__doc__)
    parser.add_argument(
        "pairs", type=Path, help="CSV, or .parquet, with user_id, anime_id; more columns are kept"
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write, of the same kind")
    parser.add_argument("--model", type=Path, default=ROOT / MODEL, help="default: %(default)s")
    options = parser.parse_args()
    if not options.pairs.is_file():
        raise UserError(f"{options.pairs}: no such file.")
    parquet = options.pairs.suffix == ".parquet"
    if parquet != (options.out.suffix == ".parquet"):
        raise UserError(f"{options.out}: Parquet is written from Parquet, and CSV from CSV.")
    with destination(options.out) as new:
        predict = Recommender(options.model).predict
        rows = (predict_parquet if parquet else predict_csv)(options.pairs, new, predict)
    print(f"{rows} predictions in {options.out}")


if __name__ == "__main__":
    exit_on_user_error(main)
