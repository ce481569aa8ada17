"""Engines: the same tables from DuckDB and Spark, clear messages, no temporary files left."""

import sys
from pathlib import Path

import ibis
import pandas as pd
import pyarrow.parquet as pq
import pytest
from helpers.commands import run
from helpers.spark import cluster
from helpers.tables import real_data
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import clean, features
from pipeline.errors import UserError
from pipeline.paths import ROOT
from pipeline.settings.sections import Clean, Dataset, Duckdb, Features, Pyspark, Watch
from pipeline.sources import synthetic
from pipeline.tables.engine import connect
from pipeline.tables.split import split

pytestmark = pytest.mark.slow

DATASET = Dataset("any", 1, 10, Watch("", ""))
FEATURES = Features(
    "auto", seed=0, test_share=0.2, valid_share=0.1, min_ratings=2, min_titles_per_value=2
)
SETTINGS = {
    "driver": {"memory": "2g", "extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"},
    "executor": {"memory": "700m", "extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"},
    "sql": {"shuffle": {"partitions": 2}},
}


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """Spark on a cluster of two workers."""
    with (
        cluster(tmp_path_factory.mktemp("cluster")) as address,
        connect(Pyspark("pyspark", {"master": address} | SETTINGS)) as engine,
    ):
        yield engine


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    """Generated files, with some dirt that the generator does not produce."""
    folder = tmp_path_factory.mktemp("dirty")
    synthetic.write(
        synthetic.Settings("synthetic", 1, 10, Watch("", ""), 0, 60, 50, 900, 0.4), folder
    )
    with (folder / clean.SCORES_CSV).open("a") as file:
        file.write("1,a,1,b,11\n1,a,x,b,7\n,a,1,b,7\n2,a,1,b,7.5\n2,a,1,b,-1\n2,a,3, b ,8.0\n")
        pairs = [(user, item) for user in range(1, 30) for item in range(1, 30, 3)]
        file.writelines(f"{user},a,{item},b,{-(user % 2)}\n" for user, item in [*pairs, *pairs[:9]])
    (folder / clean.TEST_CSV).write_text("user_id,anime_id,rating\n1,1,3\n2,1,4\n2,1,5\n")
    return folder


@pytest.fixture(scope="module")
def called_otherwise(dirty, tmp_path_factory):
    """The same files: users called by text, titles by large numbers, lists in another notation."""
    folder = tmp_path_factory.mktemp("called_otherwise")
    for file in dirty.iterdir():
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
        for column in {"user_id", "Mal ID"} & {*frame}:
            frame[column] = frame[column].map(lambda user: user and f" é{user}")
        if "Genres" in frame:
            frame["Genres"] = frame["Genres"].map(lambda genres: str(genres.split(", ")))
        if "anime_id" in frame:
            numbers = pd.to_numeric(frame["anime_id"], errors="coerce")
            frame["anime_id"] = [
                text if pd.isna(n) else f"{(int(n) - 9) * 10**15}.0"
                for text, n in zip(frame["anime_id"], numbers, strict=True)
            ]
        frame.to_csv(folder / file.name, index=False)
    return folder


def tables(engine, raw, out):
    """Run clean and features; returns the counts, and every table that they write."""
    for stage in ("clean", "features"):
        (out / stage).mkdir(parents=True)
    counts = clean.clean(DATASET, Clean(0.5), engine, raw, out / "clean")
    features.features(out / "clean", FEATURES, engine, out / "features")
    return counts, {path.relative_to(out): pq.read_table(path) for path in out.rglob("*.parquet")}


def plain(schema):
    """Names and types of columns, without nullability, which the engines write differently."""
    types = [str(field.type).replace("element", "item") for field in schema]
    return dict(zip(schema.names, (name.replace(" not null", "") for name in types), strict=True))


def test_the_cluster_has_two_workers_that_compute(spark):
    context = spark.session.sparkContext
    assert context.master.startswith("spark://127.0.0.1:")
    made = context.parallelize(range(100), 8).map(lambda _: __import__("os").getppid()).collect()
    assert len(set(made)) == 2


@pytest.mark.parametrize("data", ["called_otherwise", "mal_real"])
def test_spark_and_duckdb_give_the_same_tables(engine, spark, request, tmp_path, data):
    raw = real_data(data) if data == "mal_real" else request.getfixturevalue(data)
    counts, expected = tables(engine, raw, tmp_path / "duckdb")
    spark_counts, found = tables(spark, raw, tmp_path / "pyspark")
    assert spark_counts == counts
    assert found.keys() == expected.keys()
    for path, table in expected.items():
        assert plain(found[path].schema) == plain(table.schema), path
        pd.testing.assert_frame_equal(found[path].to_pandas(), table.to_pandas(), obj=str(path))
    assert not [path for path in (tmp_path / "pyspark").rglob("*") if "part" in path.name]


@settings(max_examples=6)
@given(st.sampled_from(["random", "per_user", "cold_user", "cold_item", "temporal"]), st.data())
def test_spark_and_duckdb_split_alike(spark, method, data):
    pairs = data.draw(
        st.sets(st.tuples(st.integers(1, 2**31 - 1), st.integers(1, 99)), min_size=1, max_size=20)
    )
    rows = pd.DataFrame(sorted(pairs), columns=["user_id", "item_id"]).assign(
        rating=5, timestamp=range(len(pairs)), is_test=False
    )
    expression = split(ibis.memtable(rows), FEATURES, method)
    both = [expression.execute(), spark.backend.execute(expression)]
    first, second = (frame.sort_values(["user_id", "item_id"]) for frame in both)
    pd.testing.assert_frame_equal(
        first.reset_index(drop=True), second.reset_index(drop=True), check_dtype=False
    )


def test_spark_names_a_damaged_line_too(spark, tmp_path):
    (tmp_path / "bad.csv").write_text("anime_id,Name\n1,A\n2,B,more\n")
    with pytest.raises(UserError, match=r"bad\.csv"):
        spark.keep(spark.read_csv(tmp_path / "bad.csv", ["anime_id", "Name"]))


def test_settings_that_duckdb_refuses_are_named():
    settings = Duckdb("duckdb", None, "lots")
    with pytest.raises(UserError, match="DuckDB refuses the settings"), connect(settings):
        pass


@pytest.mark.parametrize("environment", [{}, {"PATH": "/nowhere", "JAVA_HOME": ""}])
def test_a_spark_that_does_not_start_is_reported_without_a_traceback(spark, environment):
    start = (
        "from pipeline.errors import exit_on_user_error\n"
        "from pipeline.settings.sections import Pyspark\n"
        "from pipeline.tables.engine import connect\n"
        "settings = Pyspark('pyspark', {'master': 'nonsense'})\n"
        "exit_on_user_error(lambda: connect(settings).__enter__())\n"
    )
    done = run(sys.executable, "-c", start, cwd=ROOT, **environment)
    assert done.returncode == 1
    assert "error: engine: Spark does not start; it needs Java 17 or later" in done.output
    assert "Traceback" not in done.output


def test_too_little_memory_is_named_with_the_setting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = ibis.range(3_000_000).unnest().name("user_id").as_table()
    rows = rows.mutate(text=rows.user_id.cast("string")).order_by("text")
    with connect(Duckdb("duckdb", 1, "20MB")) as engine:
        engine.backend.raw_sql("SET max_temp_directory_size = '1MB'")
        with pytest.raises(UserError, match=r"engine\.memory_limit is too small"):
            engine.keep(rows)


def test_rows_beyond_the_memory_limit_are_spilled_and_the_spill_is_deleted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rows = ibis.range(5_000_000).unnest().name("user_id").as_table()
    with connect(Duckdb("duckdb", 2, "60MB")) as engine:
        engine.write(rows.order_by(ibis.desc("user_id")), Path("rows.parquet"))
        assert pq.read_metadata("rows.parquet").num_rows == 5_000_000
    assert {path.name for path in tmp_path.iterdir()} == {"rows.parquet"}


def test_the_number_of_threads_does_not_change_the_bytes(dirty, tmp_path):
    for threads in (1, 2):
        with connect(Duckdb("duckdb", threads, "1GB")) as engine:
            tables(engine, dirty, tmp_path / str(threads))
    for path in (tmp_path / "1").rglob("*.parquet"):
        other = tmp_path / "2" / path.relative_to(tmp_path / "1")
        assert path.read_bytes() == other.read_bytes(), path.name
