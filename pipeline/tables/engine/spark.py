"""The Spark engine."""

import re
import shutil
import warnings
from pathlib import Path

import ibis
from ibis.backends import BaseBackend

from pipeline.errors import UserError
from pipeline.settings.sections import Pyspark, flat

try:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame, SparkSession
except ImportError as error:
    raise UserError(
        "engine=pyspark needs PySpark and Java 17 or later: "
        "python -m pip install 'pyspark>=4.1,<5'."
    ) from error

FIXED = {  # so that results do not depend on the defaults of a cluster
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
}


@ibis.udf.scalar.builtin(name="monotonically_increasing_id")  # type: ignore[untyped-decorator]
def _row_of_partition() -> int:  # type: ignore[empty-body]
    """Spark's row number in a partition; ``read_csv`` reads a file as a single partition."""


class Spark:
    """Spark, on this machine or on a cluster that sees the same folders."""

    def __init__(self, settings: Pyspark) -> None:
        # The parts of PySpark that this module uses run with pandas 3.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        builder = SparkSession.builder.appName("anime-ratings")
        options = {f"spark.{name}": value for name, value in flat(settings.spark).items()}
        for name, value in (FIXED | options).items():
            builder = builder.config(name, str(value))
        try:
            self.session: SparkSession = builder.getOrCreate()
        except (PySparkException, Py4JError) as error:
            raise UserError(
                f"engine: Spark does not start; it needs Java 17 or later: {_reason(error)}"
            ) from error
        self.session.sparkContext.setLogLevel("OFF")  # errors arrive as exceptions
        self.backend: BaseBackend = ibis.pyspark.connect(self.session)

    def read_csv(self, path: Path, columns: list[str]) -> ibis.Table:
        """Read lazily and strictly: a malformed line is an error."""
        frame = self.session.read.csv(
            str(path.resolve()),
            schema=", ".join(f"`{name}` STRING" for name in columns),
            header=True,
            enforceSchema=True,
            multiLine=True,  # makes a file a single partition, see _row_of_partition
            quote='"',
            escape='"',
            mode="FAILFAST",
        )
        name = ibis.util.gen_name("csv")
        frame.createOrReplaceTempView(name)
        return self.backend.table(name)

    def keep(self, rows: ibis.Table) -> ibis.Table:
        """Materialise in Spark's cache."""
        name, frame = ibis.util.gen_name("rows"), self._frame(rows)
        try:
            frame.cache().count()
        except (PySparkException, Py4JError) as error:
            raise UserError(f"Spark: {_reason(error)}") from error
        frame.createOrReplaceTempView(name)
        return self.backend.table(name)

    def numbered(self, rows: ibis.Table) -> ibis.Table:
        """Materialise with row numbers."""
        return self.keep(rows.mutate(row=_row_of_partition() + 1))

    def write(self, rows: ibis.Table, path: Path) -> None:
        """Write one Parquet file."""
        parts = path.with_suffix(".parts")
        frame = self._frame(rows).coalesce(1)
        frame.write.parquet(str(parts.resolve()), compression="snappy")
        next(parts.glob("part-*.parquet")).rename(path)
        shutil.rmtree(parts)

    def _frame(self, rows: ibis.Table) -> DataFrame:
        # A view of Ibis is a text, which Spark parses and analyses again at each use. But it is
        # with one only that Ibis makes the tables in memory known to Spark.
        for table in rows.op().find(ibis.expr.operations.InMemoryTable):
            self.backend.create_view(ibis.util.gen_name("memory"), table.to_expr())
        return self.session.sql(self.backend.compile(rows))


def _reason(error: Exception) -> str:
    """Shorten a Java error to its reason, and for malformed CSV the file and the record."""
    text = str(error)
    file = re.search(r"Encountered error while reading file (\S*?)\.? ", text)
    record = re.search(r"Malformed CSV record: (.*?) SQLSTATE", text)
    if file and record:
        name = file[1].rpartition("/")[2]
        return f"{name} cannot be read as CSV: damaged record: {record[1][:200]}"
    cause = re.search(r"^: \S+: (.*)$", text, re.M)
    return cause[1] if cause else text.strip().splitlines()[0]
