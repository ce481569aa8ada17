"""The DuckDB engine."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis
from ibis.backends import BaseBackend

from pipeline.errors import UserError
from pipeline.settings.sections import Duckdb


class DuckDB:
    """DuckDB inside the process, which spills to a folder what does not fit in memory."""

    def __init__(self, settings: Duckdb, spill: str) -> None:
        threads = {} if settings.threads is None else {"threads": settings.threads}
        try:
            self.backend: BaseBackend = ibis.duckdb.connect(
                memory_limit=settings.memory_limit, temp_directory=spill, **threads
            )
        except duckdb.Error as error:
            raise UserError(f"engine: DuckDB refuses the settings: {error}") from error

    def read_csv(self, path: Path, columns: list[str]) -> ibis.Table:
        """Read lazily and strictly: a malformed line is an error."""
        # No auto-detection: the sniffer would skip lines that do not look like data.
        return self.backend.read_csv(
            path,
            auto_detect=False,
            columns=dict.fromkeys(columns, "VARCHAR"),
            header=True,
            delim=",",
            quote='"',
            escape='"',
        )

    def keep(self, rows: ibis.Table) -> ibis.Table:
        """Materialise as a temporary table."""
        with _user_errors():
            return self.backend.create_table(ibis.util.gen_name("kept"), rows, temp=True)

    def numbered(self, rows: ibis.Table) -> ibis.Table:
        """Materialise with row numbers."""
        kept = self.keep(rows)  # DuckDB keeps the order of insertion, so rowid counts file rows
        return kept.mutate(row=kept.rowid() + 1)

    def write(self, rows: ibis.Table, path: Path) -> None:
        """Write one Parquet file."""
        with _user_errors():
            rows.to_parquet(path, compression="snappy")


@contextmanager
def _user_errors() -> Iterator[None]:
    """Convert DuckDB errors that a user can fix (files, memory, disk) to UserError."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise UserError(
            f"engine.memory_limit is too small for this data: {str(error).splitlines()[0]}"
        ) from error
    except duckdb.InvalidInputException as error:
        raise UserError(_csv_error(str(error))) from error
    except duckdb.IOException as error:
        raise UserError(
            f"engine: {str(error).splitlines()[0].rstrip('.')}. Make room on the disk, or check "
            "the permissions there; the same command then goes on."
        ) from error


def _csv_error(report: str) -> str:
    """Shorten DuckDB's report of a malformed CSV file to file, line and reason."""
    file = re.findall(r"^  file = (.*)$", report, re.M)
    # DuckDB counts blank lines, but not line breaks inside quotes.
    line = re.search(r"CSV Error on Line: (\d+)", report)
    place = f", line {line[1]} (not counting line breaks inside quotes)" if line else ""
    reasons = re.findall(r"^(.+)\n+Possible (?:fixes|Solution)", report, re.M)
    if "The CSV Parser state machine reached an invalid state" in report:
        # The report does not say more than that.
        reasons = ["It mixes kinds of line breaks, or has a stray quote or line break"]
    reason = reasons[-1].strip(" .") if reasons else report.strip().splitlines()[0]
    where = Path(file[-1]).name if file else "a CSV file"
    return f"{where}{place}: cannot be read as CSV: {reason}. Fix the file, or download it again."
