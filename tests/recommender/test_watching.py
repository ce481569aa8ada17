"""Chances to watch: of one user, of many, and what each title on a list says for them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from pipeline.artifact.watch import NO_CROSSES, Watch
from pipeline.recommender.person import NOTHING
from pipeline.recommender.watching import BASE, Watching

TRAINED, TITLES = 7, 9  # rows; the last two titles have no ratings
RATERS = np.array([0, 5, 20, 1, 9, 3, 12, 0, 0])
RANDOM = np.random.default_rng(0)
CROSSES = Watch(
    np.argsort(RANDOM.random((TRAINED, TRAINED)), 1)[:, :4].astype("int32"),
    RANDOM.normal(size=(TRAINED, 4)).astype("float32"),
)
BASIS = RANDOM.normal(size=(TRAINED, 5)).astype("float32")
MODELS = {
    "wide": Watching(CROSSES, BASIS, RATERS, 40),
    "deep": Watching(NO_CROSSES, BASIS, RATERS, 40),
}
LISTS = st.lists(st.integers(1, TITLES - 1), unique=True, max_size=6)


@pytest.fixture(scope="module", params=MODELS)
def watching(request):
    """Chances of a model with a wide part, and of one without."""
    return MODELS[request.param]


@given(st.lists(LISTS, min_size=1, max_size=4))
def test_chances_of_many_users_are_those_of_each(watching, lists):
    listed = sparse.lil_matrix((len(lists), TITLES), dtype=np.float32)
    for row, titles in enumerate(lists):
        listed[row, titles] = 1
    together = watching.chances_all(listed.tocsr())
    for row, titles in enumerate(lists):
        alone = watching.chances(np.array(titles, int))
        assert alone == pytest.approx(np.asarray(together)[row], abs=1e-5)
        assert alone.shape == (TITLES,)


@given(LISTS, st.lists(st.integers(0, TITLES - 1), min_size=1, unique=True))
def test_what_the_titles_on_a_list_say_sums_to_the_chance_if_it_is_positive(watching, titles, rows):
    listed, rows = np.array(titles, int), np.array(rows)
    parts = watching.parts(listed, rows)
    assert parts.shape == (len(rows), len(listed))
    total = np.maximum(parts.sum(1), 0) + watching.base[rows]
    assert total == pytest.approx(watching.chances(listed)[rows], abs=1e-5)


def test_the_crosses_say_what_their_weights_are():
    weights = np.zeros((TRAINED, TITLES))
    np.put_along_axis(weights, CROSSES.titles, CROSSES.weights, 1)
    score = np.maximum(weights[[2, 5]].sum(0), 0)
    assert MODELS["wide"].chances(np.array([2, 5])) == pytest.approx(
        score + BASE * RATERS / 40, abs=1e-6
    )


def test_an_empty_list_leaves_titles_in_the_order_of_their_raters(watching):
    chances = watching.chances(NOTHING)
    assert chances == pytest.approx(BASE * RATERS / 40)
    assert (
        np.argsort(-chances, kind="stable").tolist() == np.argsort(-RATERS, kind="stable").tolist()
    )


def test_titles_without_ratings_say_nothing(watching):
    assert watching.chances(np.array([7, 8])) == pytest.approx(watching.chances(NOTHING))


@pytest.mark.parametrize("model", ["recommender", "without_draws"])
def test_the_list_of_a_user_of_the_data_is_that_of_the_lists_of_all(request, model):
    recommender = request.getfixturevalue(model)
    watching = recommender.lists.watching
    for user in (1, 2, 30):
        person = recommender.user(str(10 * user))
        row = recommender.on_lists.matrix(np.array([user]))
        assert row.toarray()[0].nonzero()[0].tolist() == sorted(person.evidence)
        alone = watching.chances(person.evidence)
        assert alone == pytest.approx(watching.chances_all(row)[0], abs=1e-5)
        assert (alone[1:-1] > 0).all()
