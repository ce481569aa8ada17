"""DuckDB as an engine."""

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
    """DuckDB in memory, with a folder to spill to."""

    def __init__(self, settings: Duckdb, spill: str) -> None:
        threads = {} if settings.threads is None else {"threads": settings.threads}
        try:
            self.backend: BaseBackend = ibis.duckdb.connect(
                memory_limit=settings.memory_limit, temp_directory=spill, **threads
            )
        except duckdb.Error as error:
            raise UserError(f"engine: DuckDB refuses the settings: {error}") from error

    def read_csv(self, path: Path, columns: list[str]) -> ibis.Table:
        """Read lazily, and strictly: a line that is no CSV is an error."""
        # Nothing is guessed: the sniffer would skip lines that it takes for no data.
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
        """Compute once."""
        with _told_plainly():
            return self.backend.create_table(ibis.util.gen_name("kept"), rows, temp=True)

    def numbered(self, rows: ibis.Table) -> ibis.Table:
        """Keep, with ``row``."""
        kept = self.keep(rows)  # rows of a table are in the order they were inserted in
        return kept.mutate(row=kept.rowid() + 1)

    def write(self, rows: ibis.Table, path: Path) -> None:
        """Write one Parquet file."""
        with _told_plainly():
            rows.to_parquet(path, compression="snappy")


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Turn what a user can mend into a UserError: files, memory, disk."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise UserError(
            f"engine.memory_limit is too small for this data: {str(error).splitlines()[0]}"
        ) from error
    except duckdb.InvalidInputException as error:
        raise UserError(_damage(str(error))) from error
    except duckdb.IOException as error:
        raise UserError(f"engine: {str(error).splitlines()[0]}") from error


def _damage(report: str) -> str:
    """Shorten DuckDB's report of a CSV file that it cannot read to the file, line and reason."""
    file = re.findall(r"^  file = (.*)$", report, re.M)
    # DuckDB counts blank lines too, but takes a cell for one line whatever stands in its quotes.
    line = re.search(r"CSV Error on Line: (\d+)", report)
    place = f", line {line[1]} (line ends in quotes not counted)" if line else ""
    reasons = re.findall(r"^(.+)\n+Possible (?:fixes|Solution)", report, re.M)
    if "The CSV Parser state machine reached an invalid state" in report:  # and no more is told
        reasons = ["Its line ends are of several kinds, or there is a stray quote or line end"]
    reason = reasons[-1].strip(" .") if reasons else report.strip().splitlines()[0]
    where = Path(file[-1]).name if file else "a CSV file"
    return f"{where}{place}: cannot be read as CSV: {reason}. Mend it, or get the file anew."
