"""Who has both of two titles on their list, and what having one says of the other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifact import ridge
from pipeline.model.inputs import together
from pipeline.model.inputs.together import count_together
from pipeline.model.inputs.watch import watch_crosses

USERS, TITLES = 50, 9
PAIRS = st.sets(
    st.tuples(st.integers(1, 8), st.integers(1, 6)), min_size=1, max_size=30
).map(sorted)  # fmt: skip


@pytest.fixture(autouse=True)
def several_blocks(monkeypatch):
    for module in (together, ridge):
        monkeypatch.setattr(module, "BLOCK", 4)


def lists(seed=0):
    """Who has which title, without a pattern: user, item; and the same as a table of ones."""
    table = np.random.default_rng(seed).random((USERS + 1, TITLES + 1)) < 0.4
    table[0] = table[:, 0] = False
    user, item = np.nonzero(table)
    return user, item, table.astype(float)


def dense(weights, candidates, size):
    """Crosses as a matrix, 0 for those that were not kept."""
    matrix = np.zeros((size, size))
    np.put_along_axis(matrix, candidates, weights, 1)
    return matrix


@given(PAIRS)
def test_people_are_counted_by_the_root_of_the_length_of_their_list(pairs):
    user, item = np.array(pairs).T
    table = np.zeros((user.max() + 1, item.max() + 1))
    table[user, item] = 1
    length = np.maximum(table.sum(1), 1)
    scale = len(user) / np.sqrt(table.sum(1)).sum()
    counts, people, chance = count_together(user, item)
    assert counts == pytest.approx(scale * table.T @ (table / length[:, None] ** 0.5), rel=1e-4)
    assert counts.trace() == pytest.approx(len(user), rel=1e-4), "weighted people add up to all"
    assert people.tolist() == table.sum(0).tolist()
    assert chance * len(user) ** 2 == pytest.approx(scale * (table.sum(1) ** 1.5).sum())


def test_the_crosses_are_the_ridge_regression_of_each_title_on_the_others():
    user, item, table = lists()
    length = table.sum(1)
    weight = len(user) / np.sqrt(length).sum() * np.maximum(length, 1) ** -0.5
    expected = np.zeros((TITLES + 1, TITLES + 1))
    for title in range(TITLES + 1):
        others = np.arange(TITLES + 1) != title
        design = table[:, others]
        normal = (design.T * weight) @ design + 3 * np.eye(TITLES)
        right = (design.T * weight) @ table[:, title]
        expected[others, title] = np.linalg.solve(normal, right)
    found = watch_crosses(count_together(user, item), 3, 100)
    assert found.titles.shape == (TITLES + 1, TITLES), "all others, if more than there are"
    assert dense(found.weights, found.titles, TITLES + 1) == pytest.approx(expected, abs=1e-5)
    assert found.weights.dtype == np.float32
    strongest = watch_crosses(count_together(user, item), 3, 2)
    for row, kept, weights in zip(expected, strongest.titles, strongest.weights, strict=True):
        assert sorted(abs(weights)) == pytest.approx(sorted(abs(row))[-2:], abs=1e-5)
        assert weights == pytest.approx(row[kept], abs=1e-5)


def test_whoever_has_the_first_season_has_the_second_and_nothing_follows_from_chance():
    random = np.random.default_rng(0)
    table = random.random((600, 6)) < 0.3
    table[:, 0], table[:, 2] = False, table[:, 1] & (random.random(600) < 0.9)
    found = watch_crosses(count_together(*np.nonzero(table)), 10, 5)
    crosses = dense(found.weights, found.titles, 6)
    assert crosses[1, 2] > 0.5
    assert abs(crosses[3:, 3:]).max() < 0.2


def test_the_same_lists_give_the_same_bytes_in_whatever_order_they_come():
    user, item, _ = lists()
    order = np.random.default_rng(1).permutation(len(user))
    one, again, mixed = (
        watch_crosses(count_together(*rows), 3, 4)
        for rows in ((user, item), (user, item), (user[order], item[order]))
    )
    assert [part.tobytes() for part in one] == [part.tobytes() for part in again]
    assert [part.tobytes() for part in one] == [part.tobytes() for part in mixed]
