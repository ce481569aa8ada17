"""Ordered probit: probabilities of grades and expected ratings; and which ratings are liked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pipeline.artifact.scale import Scale
from pipeline.recommender.grades import ExpectedCurve, expected, gains


@given(noise=st.floats(0.01, 50), cuts=st.lists(st.floats(-5, 20), min_size=1, max_size=9))
def test_the_expected_rating_sums_the_probabilities_of_being_above_each_threshold(noise, cuts):
    cuts, scale = np.sort(cuts), Scale(1, len(cuts) + 1)
    score = np.random.default_rng(0).uniform(cuts[0] - 5, cuts[-1] + 5, 200).astype("float32")
    exact = 1 + norm.cdf((score[:, None] - cuts) * noise**0.5).sum(1)
    assert expected(score, np.float32(noise), cuts, scale) == pytest.approx(exact, abs=1e-5)
    assert ExpectedCurve(noise, cuts, scale)(score) == pytest.approx(exact, abs=2e-5)


def test_a_title_is_liked_from_the_upper_quarter_of_the_scale_on():
    assert gains(np.array([1, 7, 8, 9, 10]), Scale(1, 10)).tolist() == [0, 0, 1, 2, 3]
    assert gains(np.array([3, 4, 5]), Scale(1, 5)).tolist() == [0, 1, 2]
