"""The scale: grades are evenly spaced on it, and its step follows from the ratings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact.scale import MOST, Scale, scale_of
from pipeline.settings.sections import Dataset, Watch

SCALES = st.builds(
    lambda low, step, steps: Scale(low, low + step * steps, step),
    st.integers(-100, 100), st.sampled_from([0.1, 0.25, 0.5, 1.0, 5.0, 4.95]), st.integers(1, MOST),
)  # fmt: skip


def of(low, high, *ratings):
    ends = Dataset("any", low, high, Watch("", ""))
    return scale_of(ends, np.array(ratings, np.float32))


@given(SCALES)
def test_the_rating_of_each_grade_is_that_grade(scale):
    assert scale.grade(np.array(scale.values)).tolist() == list(range(scale.grades))
    assert scale.values[0] == scale.low
    assert scale.values[-1] == pytest.approx(scale.high)


@given(SCALES, st.lists(st.floats(-1000, 1000), min_size=1))
def test_a_rating_counts_as_the_nearest_grade_and_a_higher_one_never_as_a_lower_grade(
    scale, ratings
):
    ratings = np.sort(ratings)
    grades = scale.grade(ratings)
    assert (np.diff(grades) >= 0).all()
    distance = np.abs(ratings[:, None] - np.array(scale.values))
    assert distance[np.arange(len(ratings)), grades] == pytest.approx(distance.min(1))


@given(SCALES)
def test_a_midpoint_is_halfway_between_two_grades(scale):
    values = np.array(scale.values)
    assert scale.midpoints == pytest.approx((values[1:] + values[:-1]) / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("scale", "step"),
    [
        (of(1, 10, 8), 1),
        (of(0, 1, 1), 1),
        (of(-10, 10, 3, -7), 1),
        (of(0, 100, 10, 70), 10),
        (of(0, 100, 15, 70), 5),
        (of(0, 100, 83, 70), 5),
        (of(0.5, 5, 0.5, 3, 4.5), 0.5),
        (of(0.5, 5, 1, 2, 3), 0.5),
        (of(1, 5, 1.25, 3), 0.25),
        (of(1, 10, 8.9, 7), 0.5),
        (of(0, 10, 8.9, 7), 0.5),
        (of(1, 100, 83, 70), 99 / 20),
    ],
)
def test_the_step_is_the_largest_that_has_all_ratings_if_there_are_at_most_21_grades(scale, step):
    assert scale.step == pytest.approx(step)
    assert scale.grades <= MOST + 1


@pytest.mark.parametrize(
    ("scale", "liked"),
    [
        (Scale(1, 10), 8), (Scale(1, 5), 4), (Scale(0.5, 5, 0.5), 4), (Scale(0, 1), 1),
        (Scale(0, 100, 5), 75), (Scale(-10, 10), 5),
    ],
)  # fmt: skip
def test_a_title_is_liked_from_the_upper_quarter_of_the_scale_on(scale, liked):
    assert scale.rating(scale.liked) == liked
