"""Models of other scales: what is learned of the same tastes on half stars, or up to 100."""

import shutil

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from helpers.training import ALL_MEMBERS, train

from pipeline.artifact.scale import Scale
from pipeline.evaluation import segments
from pipeline.recommender.listed import Listed
from pipeline.recommender.recommender import Recommender
from pipeline.tables.rows import read_rows

USER, ITEM = np.array([1, 2, 40, 0, 3]), np.array([1, 1, 17, 5, 31])


@pytest.fixture(scope="module", params=[0.5, 10.0], ids=["half stars", "up to 100"])
def other(request, features, tmp_path_factory):
    """The factor, the same tables on the other scale, and the model of these."""
    factor, folder = request.param, tmp_path_factory.mktemp("other")
    shutil.copytree(features, folder, dirs_exist_ok=True)
    for path, column in [
        *((folder / f"{part}.parquet", "rating") for part in ("train", "valid", "test")),
        *((folder / f"{side}s.parquet", f"{side}_sum") for side in ("user", "item")),
    ]:
        table = pq.read_table(path)
        kind = "float32" if column == "rating" else "float64"
        scaled = pc.multiply(table[column].cast("float64"), factor).cast(kind)
        place = table.column_names.index(column)
        pq.write_table(table.set_column(place, column, scaled), path)
    ends = [f"dataset.min_rating={factor}", f"dataset.max_rating={10 * factor}"]
    model = train(folder, tmp_path_factory.mktemp("model"), ALL_MEMBERS, *ends)
    return factor, folder, Recommender(model)


def test_the_same_tastes_are_learned_on_every_scale(other, recommender):
    factor, _, model = other
    assert model.scorer.scale == Scale(factor, 10 * factor, factor)
    theirs = recommender.scorer.predict(USER, ITEM)
    assert model.scorer.predict(USER, ITEM) == pytest.approx(factor * theirs, rel=1e-2)
    ours, same = (of.lists.chances.of_pairs(USER, ITEM).tails for of in (model, recommender))
    assert ours == pytest.approx(same, abs=1e-2)


def test_a_newcomer_tells_ratings_between_grades_as_they_are(other, recommender):
    factor, _, model = other
    listed = [(10, 8.9), (20, 3.2), (30, 9.7)]
    ours = model.newcomer([Listed(str(title), factor * rating) for title, rating in listed])
    same = recommender.newcomer([Listed(str(title), rating) for title, rating in listed])
    assert ours.rating == pytest.approx(factor * same.rating)
    scores, expected = model.scorer.scores(ours.taste), recommender.scorer.scores(same.taste)
    assert scores == pytest.approx(factor * expected, rel=1e-2)
    lower = model.newcomer(
        [Listed("10", 8.6 * factor), *(Listed(str(t), factor * r) for t, r in listed[1:])]
    )
    network = [p.taste.network.weights for p in (ours, lower)]
    assert not np.allclose(*network), "the network sees the difference between 8.9 and 8.6"


def test_segments_by_rating_and_columns_of_grades_are_named_after_the_scale(other):
    factor, folder, model = other
    rows, rating = read_rows(folder, "test")
    *_, by_rating = segments.segmentations(rows, rating, model.scorer.scale, folder)
    names = [f"{value:g}" for value in np.unique(rating)]
    assert by_rating.names == names
    columns = model.details.columns(USER, ITEM)
    grades = [columns[f"grade_{factor * grade:g}"] for grade in range(1, 11)]
    assert np.sum(grades, 0) == pytest.approx(1, abs=1e-5)
    assert (columns["low"] >= factor).all()
    assert (columns["high"] <= 10 * factor).all()
