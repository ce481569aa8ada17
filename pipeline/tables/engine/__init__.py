"""Engines that compute tables: DuckDB inside the process, or Spark.

Both run the same Ibis expressions. An engine covers what Ibis does differently on the two: strict
reading of CSV, row numbers of a file, materialised tables, and a single Parquet file as output.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import ibis
from ibis.backends import BaseBackend

from pipeline.settings.sections import Duckdb, Pyspark


class Engine(Protocol):
    """The operations that clean and features need from an engine."""

    backend: BaseBackend

    def read_csv(self, path: Path, columns: list[str]) -> ibis.Table:
        """Read a CSV file lazily: every cell as text, an empty one as null.

        Args:
            path: the file, with a header line.
            columns: names for its columns, in the file's order.
        """

    def keep(self, rows: ibis.Table) -> ibis.Table:
        """Materialise ``rows``, so that several uses compute them once.

        Raises:
            UserError: a file that they come from is damaged; the message names the line.
        """

    def numbered(self, rows: ibis.Table) -> ibis.Table:
        """Materialise the rows of a file with ``row``, their number in it: int64, from 1."""

    def write(self, rows: ibis.Table, path: Path) -> None:
        """Write ``rows`` to one Parquet file; equal rows in equal order give equal bytes."""


def collect(rows: ibis.Table) -> list[dict[str, Any]]:
    """Return the rows of a small table as dicts."""
    # Not through pandas, whose import takes a third of a second.
    return rows.to_pyarrow_batches().read_all().to_pylist()


def count(rows: ibis.Table) -> int:
    """Return the number of rows."""
    return int(collect(rows.aggregate(n=rows.count()))[0]["n"])


def empty(**types: str) -> ibis.Table:
    """Return a table without rows: the type of each column by its name."""
    # Not by a memtable, for the reason above.
    none = ibis.range(0).unnest().name("none").as_table()
    return none.select(**{name: ibis.null(dtype) for name, dtype in types.items()})


@contextmanager
def connect(settings: Duckdb | Pyspark) -> Iterator[Engine]:
    """Yield the engine that the settings name; then stop it and delete its temporary files.

    Raises:
        UserError: the engine does not start with these settings.
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

    with tempfile.TemporaryDirectory(prefix="spill-") as spill:
        engine = DuckDB(settings, spill)
        try:
            yield engine
        finally:
            engine.backend.disconnect()
