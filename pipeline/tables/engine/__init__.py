"""What tables are computed with: DuckDB inside the process, or Spark. Expressions are the same.

Only what Ibis does not do alike on both stands here: reading CSV strictly, numbering rows as they
stand in a file, keeping a table that is used more than once, writing a single Parquet file.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import ibis
from ibis.backends import BaseBackend

from pipeline.paths import DATA
from pipeline.settings.sections import Duckdb, Pyspark


class Engine(Protocol):
    """What clean and features need of an engine."""

    backend: BaseBackend

    def read_csv(self, path: Path, columns: list[str]) -> ibis.Table:
        """Read a CSV file lazily: every cell as text, an empty one as null.

        Args:
            path: the file, with a header line.
            columns: what to call its columns, in the file's order.
        """

    def keep(self, rows: ibis.Table) -> ibis.Table:
        """Compute ``rows`` once, for the times they will be used.

        Raises:
            UserError: a file that they are read from is damaged; the message names the line.
        """

    def numbered(self, rows: ibis.Table) -> ibis.Table:
        """Keep ``rows`` of one file with ``row``, their number in it: int64, from 1."""

    def write(self, rows: ibis.Table, path: Path) -> None:
        """Write ``rows`` to one Parquet file; the same rows in order give the same bytes."""


def collect(rows: ibis.Table) -> list[dict[str, Any]]:
    """Return the rows of a small table, without the third of a second that pandas' import takes."""
    return rows.to_pyarrow_batches().read_all().to_pylist()


def count(rows: ibis.Table) -> int:
    """Return how many rows there are."""
    return int(collect(rows.aggregate(n=rows.count()))[0]["n"])


@contextmanager
def connect(settings: Duckdb | Pyspark) -> Iterator[Engine]:
    """Yield the engine that the settings name, and leave nothing of it behind.

    Raises:
        UserError: it cannot be started with these settings.
    """
    if isinstance(settings, Pyspark):
        from pipeline.tables.engine.spark import Spark

        spark = Spark(settings)
        try:
            yield spark
        finally:
            spark.session.stop()
        return
    from pipeline.tables.engine.duckdb import DuckDB

    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA, prefix=".spill-") as spill:
        engine = DuckDB(settings, spill)
        try:
            yield engine
        finally:
            engine.backend.disconnect()
