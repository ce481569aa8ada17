"""Reads the body of a request before MLflow's server does, which says too little of bad ones.

MLflow answers JSON that is nested too deep, and numbers of thousands of digits, with status 500 and
no reason; to JSON that is none it sends the whole body back; a Parquet file of a few bytes may fill
the memory; and it refuses each CSV, because its types of columns have none for lists of ratings.
"""

import csv
import functools
import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.exceptions import MlflowException

from pipeline.errors import UserError
from pipeline.recommender.bounds import BODY, PAIRS, VALUES

SERVER = "mlflow.pyfunc.scoring_server"
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
IN_CSV = ("user_id", "anime_id", "with_user_id")


def put_before_mlflow() -> None:
    """Let MLflow's server read bodies here first, if this process is one."""
    if f"{SERVER}.app" in sys.modules:  # it loads the model while it is imported
        server: Any = sys.modules[SERVER]
        server.invocations = checked(server.invocations)


def checked(invocations: Callable[..., Any]) -> Callable[..., Any]:
    """Return MLflow's function that answers a body, with what is checked before.

    Args:
        invocations: takes the body, its content type, the model and its schema.
    """

    @functools.wraps(invocations)
    def answer(data: bytes, content_type: str | None, *model: Any) -> Any:
        try:
            body, content_type = read(data, content_type or "")
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return invocations(body, content_type, *model)

    return answer


def read(data: bytes, content_type: str) -> tuple[Any, str]:
    """Read a body, as far as MLflow does not read it well; return it with its content type.

    Raises:
        UserError: it cannot be read, or is too large; the message says why.
    """
    if len(data) > BODY:
        raise UserError(f"a body of {len(data):,} bytes: at most {BODY:,} are read.")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        return _json(data), content_type
    if kind == CSV:
        return _csv(data), JSON
    if kind == PARQUET:
        _check_parquet(data)
        return data, content_type
    raise UserError(f"Content-Type {content_type[:99]!r}: send {JSON}, {CSV} or {PARQUET}.")


def _json(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except RecursionError as error:
        raise UserError("the JSON is nested too deep; a request needs five levels.") from error
    except ValueError as error:  # no JSON, no UTF-8, or a number with too many digits
        reason = str(error).partition(";")[0][:199]
        raise UserError(f"the body cannot be read as JSON: {reason}.") from error
    if not isinstance(body, dict):
        raise UserError("the JSON must be an object with dataframe_records or dataframe_split.")
    return _as_frame(body)


def _as_frame(body: dict[str, Any]) -> dict[str, Any]:
    """Write the notations ``instances`` and ``inputs`` as those of frames.

    MLflow takes a column of them for the value of one row, since lists of ratings are values too.
    """
    kinds = [kind for kind in ("instances", "inputs") if kind in body]
    value = body[kinds[0]] if len(kinds) == 1 else None
    others = {kind: of for kind, of in body.items() if kind not in kinds}
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return {**others, "dataframe_records": value}
    if isinstance(value, dict) and all(isinstance(column, list) for column in value.values()):
        if len({len(column) for column in value.values()}) > 1:
            raise UserError("the columns of inputs have different lengths.")
        rows = [list(row) for row in zip(*value.values(), strict=True)]
        return {**others, "dataframe_split": {"columns": list(value), "data": rows}}
    return body


def _csv(data: bytes) -> dict[str, Any]:
    """Read a CSV as the ``dataframe_split`` of JSON, with all cells as text."""
    try:
        lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(lines, [])]
        others = [name for name in header if name not in IN_CSV]
        if others or not header:
            raise UserError(
                f"a CSV has the columns {', '.join(IN_CSV)} and no others; it has "
                f"{', '.join(header)[:99] or 'none'}. Lists of ratings, and params, need JSON."
            )
        rows = list[list[str]]()
        for cells in lines:
            if cells and len(cells) != len(header):
                raise UserError(f"line {lines.line_num} of the CSV has {len(cells)} cells, the "
                                f"header {len(header)}.")  # fmt: skip
            rows += [cells] if cells else []
            if len(rows) > PAIRS:
                raise UserError(f"a CSV of more than {PAIRS:,} rows; send several requests.")
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"the body cannot be read as CSV in UTF-8: {error}") from error
    return {"dataframe_split": {"columns": header, "data": rows}}


def _check_parquet(data: bytes) -> None:
    """Check how much a Parquet file becomes when it is read."""
    try:
        file = pq.ParquetFile(io.BytesIO(data)).metadata
        groups = [file.row_group(group) for group in range(file.num_row_groups)]
        values = sum(of.column(n).num_values for of in groups for n in range(of.num_columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"the body cannot be read as Parquet: {str(error)[:199]}") from error
    if values > VALUES:
        raise UserError(f"a Parquet file of {values:,} values: at most {VALUES:,} are read.")
