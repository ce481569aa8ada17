"""Predict the rating of each user_id, anime_id pair in a CSV or Parquet file of any size."""

import argparse
import warnings
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.arrays import Array
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import destination
from pipeline.paths import MODEL, ROOT
from pipeline.recommender.id_columns import IDS, id_columns, read_ids
from pipeline.recommender.recommender import Recommender
from pipeline.tables.dialect import Dialect, sniff

ROWS = 131_072  # read, predicted and written at a time: bounds memory
COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")  # which pandas unpacks
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # first bytes of Excel's files
NO_IDS = np.zeros(0, np.int64)
Predict = Callable[[Array, Array], dict[str, Array]]  # users and titles [n] to new columns [n]


def predict_csv(pairs: Path, out: Path, predict: Predict, texts: Container[str] = ()) -> int:
    """Add the columns of ``predict`` to a CSV file; the text of the others does not change.

    The file may be written as pipeline/tables/dialect.py says; the new one is UTF-8 with commas.

    Args:
        pairs: the file to read.
        out: the file to write.
        predict: takes ids of users and titles, int64, or str where ``texts`` names the column [n].
        texts: those of IDS whose ids are text.

    Returns:
        The number of rows.

    Raises:
        UserError: the file is not CSV, a column is missing or there already, or an id is not a
            whole number, or missing.
    """
    rows, added = 0, [*predict(NO_IDS, NO_IDS)]
    dialect = Dialect() if pairs.suffix in COMPRESSED else sniff(pairs)
    options: dict[str, Any] = {
        "dtype": str, "keep_default_na": False, "index_col": False, "skiprows": int(dialect.told),
        "sep": dialect.delimiter, "encoding": dialect.encoding,
        "escapechar": "\\" if dialect.backslash else None,
    }  # fmt: skip
    try:
        with warnings.catch_warnings(), pd.read_csv(pairs, chunksize=ROWS, **options) as chunks:
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            for frame in chunks:
                names = id_columns(pairs, list(frame.columns), added)
                ids = [
                    read_ids(
                        f"{pairs}, data row", name, pa.array(frame[column]), rows, name in texts
                    )
                    for name, column in names.items()
                ]
                frame.assign(**predict(*ids)).to_csv(
                    out, mode="a" if rows else "w", header=not rows, index=False,
                    float_format="%.4f", lineterminator="\n",
                )  # fmt: skip
                rows += len(frame)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise UserError(f"{pairs} cannot be read as CSV: {error}") from error
    if not dialect.plain:
        print(f"{pairs.name}: {'; '.join(dialect.words())}; written as UTF-8 with commas")
    return rows


def predict_parquet(pairs: Path, out: Path, predict: Predict, texts: Container[str] = ()) -> int:
    """Add the columns of ``predict`` to a Parquet file; the others do not change.

    Returns:
        The number of rows.

    Raises:
        UserError: the file is not Parquet, a column is missing or there already, or an id is not a
            whole number, or missing.
    """
    rows, added = 0, [*predict(NO_IDS, NO_IDS)]
    try:
        with pq.ParquetFile(pairs) as file:
            schema = file.schema_arrow
            names = id_columns(pairs, schema.names, added)
            for name in added:
                schema = schema.append(pa.field(name, pa.float32()))
            with pq.ParquetWriter(out, schema) as writer:
                for batch in file.iter_batches(ROWS):
                    ids = [
                        read_ids(f"{pairs}, data row", name, batch[column], rows, name in texts)
                        for name, column in names.items()
                    ]
                    found = predict(*ids)
                    new = [pa.array(found[name].astype(np.float32)) for name in added]
                    writer.write_batch(pa.record_batch([*batch.columns, *new], schema))
                    rows += len(batch)
    except pa.ArrowInvalid as error:
        raise UserError(f"{pairs} cannot be read as Parquet: {error}") from error
    return rows


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
    _check_files(options.pairs, options.out)
    parquet, unknown = options.pairs.suffix == ".parquet", np.zeros(2, int)
    with destination(options.out) as new:
        recommender = Recommender(options.model)
        of_ids = dict(zip(IDS, (recommender.users, recommender.catalogue.ids), strict=True))

        def predict(*ids: Array) -> dict[str, Array]:
            rows = [of.rows(column) for of, column in zip(of_ids.values(), ids, strict=True)]
            unknown[:] += [np.count_nonzero(row == 0) for row in rows]
            if options.details:
                return recommender.details.columns(*rows)
            return {"prediction": recommender.scorer.predict(*rows)}

        texts = [name for name, of in of_ids.items() if of.are_text]
        rows = (predict_parquet if parquet else predict_csv)(options.pairs, new, predict, texts)
    print(f"{rows} predictions in {options.out}")
    for count, what in zip(unknown, ("user", "title"), strict=True):
        if count:
            print(
                f"{count} of {rows} rows have a {what} that the model does not know: "
                f"predicted as an average {what}"
            )


def _check_files(pairs: Path, out: Path) -> None:
    """Check the names of the files, and what the first bytes of ``pairs`` say.

    Raises:
        UserError: there is no file, it is of another kind, or it would be overwritten.
    """
    if not pairs.is_file():
        raise UserError(f"{pairs}: no such file.")
    if (pairs.suffix == ".parquet") != (out.suffix == ".parquet"):
        raise UserError(f"{out}: Parquet is written from Parquet, and CSV from CSV.")
    if out.exists() and out.samefile(pairs):
        raise UserError(f"{out} is the file of the pairs; write to another one.")
    with pairs.open("rb") as file:
        start = file.read(4)
    if start == b"PAR1" and pairs.suffix != ".parquet":
        raise UserError(f"{pairs} is a Parquet file; its name must end in .parquet.")
    if start in WORKBOOKS and pairs.suffix != ".zip":
        raise UserError(f"{pairs} is a workbook of a spreadsheet; save the sheet as CSV.")


if __name__ == "__main__":
    exit_on_user_error(main)
