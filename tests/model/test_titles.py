"""What ratings say of titles: the same however it travels between workers."""

import numpy as np
import pytest
from helpers.titles import LIMITS, drawn, expected
from helpers.workers import each

from pipeline.model.workers import Workers


@pytest.mark.parametrize("limit", LIMITS)
def test_titles_are_drawn_from_what_all_ratings_say(limit):
    assert drawn(Workers(), limit) == pytest.approx(expected(), abs=1e-4)


@pytest.mark.slow
def test_three_workers_find_the_same_whether_ratings_or_sums_travel(tmp_path):
    for path in each("helpers.titles", tmp_path, number=3):
        for found in np.load(path).values():
            assert found == pytest.approx(expected(), abs=1e-4)
