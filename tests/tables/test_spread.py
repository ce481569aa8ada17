"""Spread: ratings that look like those of another scale are refused, or said to be strange."""

import pytest
from helpers.tables import typed_rows

from pipeline.errors import UserError
from pipeline.settings.sections import Dataset, Watch
from pipeline.tables.schema import RATINGS
from pipeline.tables.spread import advice, check, spread


def look(engine, ratings, low=1, high=10):
    """What the ratings of a file look like, and the scale that is set."""
    ids = [str(number) for number in range(len(ratings))]
    rows = typed_rows(engine, RATINGS, user_id=ids, item_id=ids, rating=ratings)
    dataset = Dataset("any", low, high, Watch("", ""))
    return spread(rows, dataset, engine), dataset


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8", 8), (" 8.0 ", 8), ("8.9", 8.9), ("8,5", 8.5), ("-3", -3), ("1e1", 10),
        ("eight", None), ("nan", None), ("inf", None), ("-inf", None), ("1,000", None), ("", None),
        (None, None), ("8,5,1", None),
    ],
)  # fmt: skip
def test_a_rating_is_read_as_the_number_it_is(engine, text, value):
    rows = typed_rows(engine, RATINGS, user_id=["1"], item_id=["1"], rating=[text])
    found = rows.to_pyarrow()["rating"].to_pylist()[0]
    assert found == (None if value is None else pytest.approx(value))


def test_half_stars_on_a_scale_of_whole_points_are_refused_with_the_scale_they_have(engine):
    stars = ["0.5"] * 20 + ["1", "2.5", "4", "5"] * 200
    found, dataset = look(engine, stars)
    with pytest.raises(UserError) as error:
        check(found, dataset)
    assert "20 of 820 rows have the rating 0.5, which is off the scale of 1 to 10" in str(
        error.value
    )
    assert "set dataset.min_rating=0.5 dataset.max_rating=5" in str(error.value)
    assert check(*look(engine, stars, 0.5, 5)) == []


def test_a_few_ratings_off_the_scale_are_dirt(engine):
    found, dataset = look(engine, [*["1", "10"] * 500, "11", "99", "-5"])
    assert check(found, dataset) == []
    assert (found.low, found.high, found.dtype) == (1, 10, "int8")


def test_a_scale_that_is_half_empty_is_said_to_be_assumed(engine):
    found, dataset = look(engine, ["1", "3", "5"])
    (said,) = check(found, dataset)
    assert said.startswith("It is assumed that the scale of 1 to 10 is right.")
    assert "dataset.min_rating=1 dataset.max_rating=5" in said


@pytest.mark.parametrize("unrated", ["0", "-1"])
def test_what_stands_for_no_rating_is_no_part_of_the_scale(engine, unrated):
    found, dataset = look(engine, [unrated] * 50 + ["1", "10"] * 20)
    assert check(found, dataset) == []
    assert advice(found, dataset) == ""


def test_a_file_without_ratings_has_no_scale(engine):
    found, dataset = look(engine, ["0", "x", None])
    assert check(found, dataset) == []
    assert advice(found, dataset) == ""


@pytest.mark.parametrize(
    ("ratings", "low", "high", "dtype"),
    [
        (["1", "10"], 1, 10, "int8"), (["1", "8.5"], 1, 10, "float32"),
        (["1", "500"], 0, 1000, "float32"), (["-10", "3"], -10, 10, "int8"),
    ],
)  # fmt: skip
def test_whole_ratings_take_a_byte_and_others_are_real(engine, ratings, low, high, dtype):
    assert look(engine, ratings, low, high)[0].dtype == dtype


def test_thumbs_on_another_scale_are_refused_as_the_thumbs_down_would_be_no_ratings(engine):
    thumbs = ["0", "1", "1"] * 20
    with pytest.raises(UserError, match=r"20 rows with 0.*min_rating=0 dataset\.max_rating=1"):
        check(*look(engine, thumbs))
    assert look(engine, thumbs, 0, 1)[0].low == 0
    check(*look(engine, ["0", "8", "8"] * 20))  # all ratings equal, and some titles without one


def test_equal_ratings_suggest_no_scale(engine):
    assert advice(*look(engine, ["8"] * 9)) == "All ratings are 8."
