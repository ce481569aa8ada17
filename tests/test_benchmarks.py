"""The README's figures of speed are those measured, and the contenders read the same ratings."""

import json

import pyarrow.parquet as pq

from benchmarks import notebook, readme
from pipeline.clean import clean
from pipeline.config import Clean, Duckdb, Watch
from pipeline.engine import connect
from pipeline.sources import synthetic


def test_readme_has_the_table_of_the_results():
    results = json.loads(readme.RESULTS.read_text(encoding="utf-8"))
    text = readme.README.read_text(encoding="utf-8")
    assert readme.insert(text, results) == text


def test_table_has_a_dash_for_a_contender_left_out():
    size = {
        "rows": 1234567,
        "median_seconds": {"pyarrow": 0.5, "pipeline": 9.04},
        "peak_gb": {"pipeline": 2},
        "ratios": {"pipeline/pyarrow": 18.08},
    }
    table = readme.table({"machine": {"cpus": 2, "memory_gib": 23.5}, "sizes": [size]})
    assert "| 1,234,567 | 0.50 s | 9.0 s | 18.1 | - | - | 2.0 GB | - | - |" in table


def test_notebook_joins_the_ratings_that_clean_can_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw, out = tmp_path / "raw", tmp_path / "clean"
    raw.mkdir()
    out.mkdir()
    settings = synthetic.Settings(
        "synthetic", 1, 10, Watch("", ""), seed=0, users=300, items=200, ratings=6000, noise=0.4
    )
    synthetic.write(settings, raw)
    with connect(Duckdb("duckdb", None, "1GB")) as engine:
        clean(settings, Clean(1), engine, raw, out)
    tables = {
        name: pq.read_table(out / f"{name}.parquet").to_pandas()
        for name in ("ratings", "items", "users", "rejected")
    }
    gone = tables["rejected"].query("table == 'ratings'")
    placed = sum(
        (
            rows["user_id"].isin(tables["users"]["user_id"])
            & rows["item_id"].isin(tables["items"]["item_id"])
        ).sum()
        for rows in (tables["ratings"], gone)
    )
    rows = notebook.merged(raw)
    notebook.encode(rows)
    assert len(rows) == placed > 5000
    assert rows["user_id_code"].max() + 1 == rows["user_id"].nunique()
