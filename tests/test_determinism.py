"""The same settings give the same bytes, whatever the machine is set to and wherever the clone is.

All that may differ differs at once: the folder, its name, the time zone, the locale, Python's hash
seed and the numbers of threads. If a test fails, give both sides one condition after the other.
"""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from helpers.commands import python

from pipeline.compose import compose
from pipeline.paths import ROOT

ONE = {
    "PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C",
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
}  # fmt: skip
OTHER = {
    "PYTHONHASHSEED": "4321", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2",
}  # fmt: skip
STAGES = """
import sys
from importlib import import_module
for stage in sys.argv[1:]:
    import_module(f"pipeline.{stage}").main()
"""
TABLES = ["download", "clean", "features"]
SMALL = [
    "experiment=quick", "dataset.users=600", "dataset.items=500", "dataset.ratings=20000",
    "train.epochs=2", "train.batch_size=8192", "posterior.members=[grades]",
    "posterior.sweeps=6", "posterior.burn_in=2", "posterior.keep_every=2",
    "evaluate.bootstrap=10", "evaluate.max_baseline_ratings=1000",
]  # fmt: skip


def outputs(folder, params, stages, conditions):
    """Run stages in a copy of the code at ``folder``; return the bytes of all outputs by path."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", folder / "pipeline", ignore=ignored)
    (folder / "params.yaml").write_text(params)
    done = python("-c", STAGES, *stages, cwd=folder, **conditions)
    assert done.returncode == 0, done.output
    files = [file for name in ("data", "models", "metrics") for file in (folder / name).rglob("*")]
    found = {str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()}
    if report := found.pop("metrics/report.html", b""):  # it shows the settings
        found["the report, but for threads"] = re.sub(rb"\bthreads: \d", b"", report)
    return found


def both(tmp_path, stages, *overrides):
    """Run stages under one and under other conditions, at the same time."""
    folders = tmp_path / "clone", tmp_path / "an other clöne"
    params = [compose([*overrides, f"train.threads={n}", f"engine.threads={n}"]) for n in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        return pool.map(outputs, folders, params, [stages] * 2, [ONE, OTHER])


@pytest.mark.slow
def test_all_stages_write_the_same_bytes_anywhere(tmp_path):
    one, other = both(tmp_path, [*TABLES, "train", "evaluate"], *SMALL)
    assert {"models/trained/draws.npz", "metrics/evaluate.json"} < one.keys() == other.keys()
    assert [path for path in one if one[path] != other[path]] == []


def test_tables_of_dated_ratings_are_the_same_on_any_threads_and_in_any_time_zone(tmp_path):
    random, rows = np.random.default_rng(0), 300_000  # DuckDB gives each thread 122880 rows
    pair = random.permutation(1000 * 1000)[:rows]
    times = pd.Timestamp("2020-03-28 22:00") + pd.to_timedelta(random.integers(0, 10**6, rows), "s")
    table = {"user": pair // 1000, "item": pair % 1000, "rating": random.integers(1, 11, rows)}
    pd.DataFrame(table | {"timestamp": times}).to_csv(tmp_path / "ratings.csv", index=False)
    one, other = both(tmp_path, TABLES, "dataset=ratings", f"dataset.path={tmp_path}/ratings.csv")
    assert {"data/clean/ratings.parquet", "data/features/test.parquet"} < one.keys() == other.keys()
    assert [path for path in one if one[path] != other[path]] == []
