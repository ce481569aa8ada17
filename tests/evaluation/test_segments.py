"""Segments: every row is in the right ones, and their figures add up to those of all rows."""

import numpy as np
import pandas as pd
import pytest

from pipeline.artifact.scale import Scale
from pipeline.evaluation import segments
from pipeline.evaluation.metrics import Bootstrap
from pipeline.evaluation.segments import HISTORY, POPULARITY

BOOTSTRAP = Bootstrap(resamples=50, seed=0)
TITLES = {
    "title": [None, "Monster", "Cowboy Bebop", None, None],
    "genres": [[], ["Drama"], ["Action", "Sci-Fi"], [], []],
    "type": [None, None, "TV", "Movie", None],
    "year": [np.nan, np.nan, 1998, 2004, np.nan],
}


@pytest.fixture
def folder(tmp_path):
    """Feature tables of four titles; row 0 stands for any other."""
    pd.DataFrame(TITLES).to_parquet(tmp_path / "titles.parquet")
    pd.DataFrame({"item_count": [0, 3, 2, 1, 1]}).to_parquet(tmp_path / "items.parquet")
    return tmp_path


def measured(folder, error, base=None, held=None, copies=1):
    """Figures of the segments of six rows with these errors; copies are of other users."""
    rows = {
        "user": np.array([1, 1, 2, 2, 3, 3]),
        "item": np.array([1, 2, 2, 3, 4, 0]),
        "user_count": np.array([0, 0, 5, 5, 1001, 1001]),
        "item_count": np.array([6, 20, 20, 21, 1, 0]),
    }
    rating = np.array([10.0, 9, 8, 8, 1, 10])
    base, held = (np.ones(6) if given is None else np.array(given) for given in (base, held))
    rows = {name: np.tile(column, copies) for name, column in rows.items()}
    rows["user"] += 3 * np.repeat(np.arange(copies), 6)
    rating, error, base, held = (np.tile(column, copies) for column in (rating, error, base, held))
    divisions = segments.segmentations(rows, rating, Scale(1, 10), folder)
    table = segments.measure(divisions, error, base, held, rows["user"], BOOTSTRAP)
    return table.set_index(["by", "segment"])


def test_every_row_is_counted_in_its_segments(folder):
    n = measured(folder, np.ones(6)).n
    assert n[HISTORY].to_dict() == {"0": 2, "1-5": 2, "1001+": 2}
    assert n[POPULARITY].to_dict() == {"0": 1, "1-5": 1, "6-20": 3, "21-100": 1}
    assert n["genre"].to_dict() == {"Action": 2, "Sci-Fi": 2, "Drama": 1}
    assert n["type"].to_dict() == {"TV": 2, "Movie": 1}
    assert n["decade"].to_dict() == {"1990s": 2, "2000s": 1}
    assert n["true rating"].to_dict() == {"1": 1, "8": 2, "9": 1, "10": 2}


def test_figures_of_a_segment_come_from_its_rows_alone(folder):
    table = measured(folder, [1.0, 2, 0, 3, -1, 0], copies=2)
    drama, early = table.loc[("genre", "Drama")], table.loc[(HISTORY, "0")]
    assert (drama.mse, drama.residual, drama.gain) == (1, 1, 0)
    assert (early.mse, early.residual, early.gain) == (2.5, 1.5, -1.5)
    assert early.mse_low <= early.mse <= early.mse_high
    whole = table.loc[HISTORY]
    assert np.average(whole.mse, weights=whole.n) == pytest.approx(15 / 6)


def test_the_share_of_ratings_in_their_intervals_is_that_of_the_segment(folder):
    table = measured(folder, np.ones(6), held=[1, 0, 0, 0, 1, 1], copies=2)
    assert table.held[HISTORY].to_dict() == {"0": 0.5, "1-5": 0, "1001+": 1}
    early = table.loc[(HISTORY, "0")]
    assert early.held_low <= early.held <= early.held_high


def test_segments_of_the_ratings_of_few_users_have_no_intervals(folder):
    few = measured(folder, [1.0, 2, 0, 3, -1, 0]).loc[(HISTORY, "0")]
    assert few.mse == 2.5
    assert np.isnan([few.mse_low, few.mse_high, few.held_low, few.held_high]).all()


def test_the_gain_over_a_baseline_without_error_is_undefined(folder):
    table = measured(folder, np.zeros(6), base=np.zeros(6))
    assert table.gain.isna().all()
    assert (table.mse == 0).all()


def test_every_segment_is_in_one_of_the_tables(folder):
    rows = {"user": np.array([1]), "item": np.array([2])}
    rows |= {"user_count": np.array([1]), "item_count": np.array([1])}
    divisions = segments.segmentations(rows, np.array([7.0]), Scale(1, 10), folder)
    tables = segments.tables(divisions, np.ones(1), np.ones(1), np.ones(1), rows["user"], BOOTSTRAP)
    assert tables.keys() == segments.TABLES.keys()
    assert [len(table) for table in tables.values()] == [1, 1, 1, 4]
