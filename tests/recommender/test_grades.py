"""Ordered probit: probabilities of grades and expected ratings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pipeline.recommender.grades import ExpectedCurve, chance, expected


def test_probabilities_of_grades_sum_to_one_and_their_mean_is_the_expected_rating():
    cuts, noise = np.array([1.2, 2.5, 3.9, 4.5]), np.array([0.5, 2.0, 9.0])
    score = np.array([-2.0, 3.1, 8.0])
    probability = np.stack([chance(score, noise, cuts, np.full(3, grade)) for grade in range(5)])
    assert probability.sum(0) == pytest.approx([1, 1, 1])
    assert (probability >= 0).all()
    mean = (probability * np.arange(1, 6)[:, None]).sum(0)
    assert expected(score, noise, cuts, (1, 5)) == pytest.approx(mean, abs=1e-9)


@given(noise=st.floats(0.01, 50), cuts=st.lists(st.floats(-5, 20), min_size=1, max_size=9))
def test_the_expected_rating_sums_the_probabilities_of_being_above_each_threshold(noise, cuts):
    cuts, scale = np.sort(cuts), (1, len(cuts) + 1)
    score = np.random.default_rng(0).uniform(cuts[0] - 5, cuts[-1] + 5, 200).astype("float32")
    exact = 1 + norm.cdf((score[:, None] - cuts) * noise**0.5).sum(1)
    assert expected(score, np.float32(noise), cuts, scale) == pytest.approx(exact, abs=1e-5)
    assert ExpectedCurve(noise, cuts, scale)(score) == pytest.approx(exact, abs=2e-5)
