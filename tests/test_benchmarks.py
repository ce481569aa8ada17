"""Benchmarks: documented figures are the measured ones; all contenders get the same ratings."""

import dataclasses
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import (
    accuracy,
    accuracy_table,
    data,
    environment,
    faults,
    intervals,
    lists_table,
    newcomers,
    notebook,
    parts_table,
    readme,
    score,
    serving,
    sweeps,
    tracking,
    training,
)
from benchmarks.peers import rows as peers
from pipeline.clean import clean
from pipeline.errors import UserError
from pipeline.settings.sections import Clean, Duckdb, Watch
from pipeline.sources import synthetic
from pipeline.tables.engine import connect
from pipeline.tables.rows import read_rows


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("data", data.table),
        ("accuracy", accuracy_table.table),
        ("intervals", intervals.table),
        ("lists", lists_table.table),
        ("newcomers", newcomers.table),
        ("parts", parts_table.table),
        ("serving", serving.table),
        ("sweeps", sweeps.table),
        ("tracking", tracking.table),
        ("training", training.table),
    ],
)
def test_the_document_has_the_table_of_the_results(name, table):
    text = readme.DOCUMENT.read_text(encoding="utf-8")
    assert readme.updated(text, name, table) == text


def test_the_document_on_operations_has_the_table_of_the_faults():
    text = faults.DOCUMENT.read_text(encoding="utf-8")
    assert readme.updated(text, "faults", faults.table) == text


def test_table_has_a_dash_for_a_contender_left_out():
    size = {
        "rows": 1234567,
        "median_seconds": {"pyarrow": 0.5, "pipeline": 9.04},
        "peak_gb": {"pipeline": 2},
        "ratios": {"pipeline/pyarrow": 18.08},
    }
    table = data.table({"machine": {"cpus": 2, "memory_gib": 23.5}, "sizes": [size]})
    assert "| 1,234,567 | 0.50 s | 9.0 s | 18.1 | - | - | 2.0 GB | - | - |" in table


def test_the_notebook_joins_the_ratings_whose_user_and_title_clean_keeps(tmp_path, monkeypatch):
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


@pytest.fixture
def features(tmp_path):
    """Small feature tables: user 1 has six training and validation ratings, 2 to 6 have one."""

    def write(name, **columns):
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")

    users, titles = [1] * 5 + [2, 3, 4, 5, 6], [1, 2, 3, 4, 5] + [1] * 5
    write("train", user=users, item=titles, rating=[8] * 10, block=[0] * 10)
    write("valid", user=[1], item=[6], rating=[5])
    users = [1, *(user for user in (2, 3, 4, 5, 6) for _ in range(2))]
    write("test", user=users, item=[7] + [6, 7] * 5, rating=[6] + [7, 8] * 5)
    write("users", user=list(range(7)), user_sum=[0] * 7, user_count=[0] * 7)
    write("items", item=list(range(8)), item_sum=[0] * 8, item_count=[0] * 8)
    return tmp_path


def test_peers_get_the_rows_that_the_model_gets_and_no_test_rating(features):
    rows = peers.read(features)
    parts = [read_rows(features, part) for part in ("train", "valid")]
    for name in ("user", "item"):
        ours = np.concatenate([columns[name] for columns, _ in parts])
        assert getattr(rows, name).tolist() == ours.tolist()
        test = read_rows(features, "test")[0]
        assert getattr(rows, f"test_{name}").tolist() == test[name].tolist()
    assert rows.rating.tolist() == np.concatenate([rating for _, rating in parts]).tolist()
    arrays = {field.name for field in dataclasses.fields(rows)} - {"users", "items"}
    assert arrays == {"user", "item", "rating", "test_user", "test_item"}


def test_every_peer_of_the_table_is_defined_in_its_module():
    for peer in accuracy_table.PEERS:
        module, name = peer.split(".")
        text = (environment.REQUIREMENTS.parent / f"{module}.py").read_text(encoding="utf-8")
        assert f'    "{name}": ' in text.split("PEERS = ")[1]


def test_differences_are_paired_by_row_and_the_bootstrap_draws_whole_users(features):
    made = {"ours": (7, [7, 6]), "network": (7, [7, 5]), "peer": (8, [8, 5])}
    for name, (one, two) in made.items():
        np.save(features / f"{name}.npy", np.array([one, *two * 5], "float64"))
    found = score.score(features, [features / f"{name}.npy" for name in made])
    ours, peer = (found["contenders"][name] for name in ("ours", "peer"))
    assert (found["n"], found["few_n"]) == (11, 10)
    assert ours["mse"] == pytest.approx((1 + 5 * (0 + 4)) / 11)
    assert ours["few_mse"] == pytest.approx((0 + 4) / 2)
    assert (ours["difference"], ours["difference_ci95"]) == (0, (0, 0))
    # Squared errors of user 1: 1 against 4; of others: 0 and 4 against 1 and 9. Each user's mean
    # difference is -3, so that of every resample of users is -3 too.
    assert peer["difference"] == pytest.approx(-(3 + 5 * (1 + 5)) / 11)
    assert peer["difference_ci95"] == pytest.approx((-3, -3))
    assert peer["network_difference"] == pytest.approx(-(3 + 5 * (1 + 0)) / 11)


def test_the_accuracy_table_marks_a_peer_that_is_not_significantly_different():
    def figures(mse, low, high):
        return {
            "mse": mse, "difference": (low + high) / 2, "difference_ci95": [low, high],
            "network_difference": high, "network_difference_ci95": [low, high],
            "few_mse": None, "fit_seconds": 12.3, "peak_gb": 0.5,
        }  # fmt: skip

    known = {"ours": figures(1.2, 0, 0), "myfm.probit": figures(1.21, -0.02, 0.01)}
    dataset = {"title": "Films", "n": 1000, "few_n": 0, "contenders": known, "noise_floor": 1.0}
    results = {"machine": {"cpus": 2, "memory_gib": 23.5}, "datasets": [dataset]}
    lines = accuracy_table.table(results).splitlines()
    assert lines[2] == "| **ours** | 1.200 |  |  | - | 12 s | 0.5 GB |"
    apart = "-0.005, -0.020 to 0.010 | 0.010, -0.020 to 0.010"
    assert f"| ≈ 1.210 | {apart} | - |" in lines[3]
    assert lines[4].startswith("| noise floor | 1.000 |")


def test_data_sets_without_their_files_are_left_out_with_a_message(tmp_path, capsys):
    (tmp_path / "ml-100k").mkdir()
    assert accuracy.present(["mal_real", "ml-100k", "synthetic"], tmp_path) == [
        "ml-100k",
        "synthetic",
    ]
    assert f"mal_real is left out: {tmp_path / 'mal_real'} is not there" in capsys.readouterr().out
    with pytest.raises(UserError, match="no data set is left"):
        accuracy.present(["mal_real"], tmp_path)


@pytest.mark.parametrize("option", ["--only", "--peers"])
def test_a_misspelt_choice_is_refused(option, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["accuracy", option, "surprise.svdd"])
    with pytest.raises(UserError, match=f"{option} surprise.svdd: no surprise.svdd; there are "):
        accuracy.main()
