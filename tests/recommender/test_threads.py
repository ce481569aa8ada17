"""Many threads ask one model, as those of a server do."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from pipeline.recommender.blas import OneThread
from pipeline.recommender.bounds import LARGE_SECONDS, Size
from pipeline.recommender.serving import Recommendations

THREADS, EACH = 8, 15
DEFAULTS = {
    "k": 5, "order": "best", "niche": 0.0, "diversity": 0.0, "genres": [], "without": [],
    "types": [], "from_year": 0, "to_year": 0, "min_raters": 0, "sequels": True,
    "dropped_sequels": False, "next_in_series": False, "one_per_franchise": False,
    "planned": "hide", "report": True, "ignore": [], "ignore_below": -1e9,
}  # fmt: skip


def service(folder):
    model = Recommendations()
    model.load_context(SimpleNamespace(artifacts={"model": str(folder)}))
    return model


def mixed(draws, number):
    """Requests of all kinds, in random order."""
    mine = [{"anime_id": 10, "rating": 10}, {"title": "titel number 2", "rating": 2}]
    kinds = (
        lambda user, title: ({"user_id": [user]}, {}),
        lambda user, title: ({"user_id": [user]}, {"order": "sure", "genres": ["Odd"]}),
        lambda user, title: ({"user_id": [user]}, {"diversity": 0.5, "one_per_franchise": True}),
        lambda user, title: ({"ratings": [[*mine, {"anime_id": title, "rating": 5}]]}, {}),
        lambda user, title: ({"ratings": [mine]}, {"ignore": ["Title number 1"], "sequels": False}),
        lambda user, title: ({"user_id": [user] * 3, "anime_id": [title, 10, 999]}, {}),
        lambda user, title: ({"ratings": [mine], "anime_id": [title]}, {}),
        lambda user, title: ({"user_id": [user], "with_ratings": [mine]}, {"niche": 0.3}),
    )
    return [
        (pd.DataFrame(columns), DEFAULTS | params)
        for columns, params in (
            kinds[draws.integers(len(kinds))](10 * int(user), 10 * int(title))
            for user, title in draws.integers(1, 12, (number, 2))
        )
    ]


def test_threads_get_the_answers_that_one_after_the_other_gets_to_the_last_digit(models):
    requests = mixed(np.random.default_rng(0), THREADS * EACH)
    alone = service(models)
    expected = [alone.predict(None, *request) for request in requests]
    together, start = service(models), Barrier(THREADS)

    def ask(first):
        start.wait()
        return [together.predict(None, *request) for request in requests[first::THREADS]]

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(ask, range(THREADS)))
    for first, answers in enumerate(found):
        for answer, alone in zip(answers, expected[first::THREADS], strict=True):
            pd.testing.assert_frame_equal(answer, alone, check_exact=True)


def test_blas_keeps_to_one_thread_until_the_last_has_left_and_then_has_its_own_again():
    def threads():
        return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}

    before, one = threads(), OneThread()
    if before == {1}:
        pytest.skip("one core: BLAS has one thread anyway")
    one.__enter__()
    one.__enter__()
    one.__exit__(None, None, None)
    assert threads() == {1}, "another is within"
    one.__exit__(None, None, None)
    assert threads() == before


@pytest.mark.parametrize(
    ("size", "large"),
    [
        (Size(lists=1, titles=20, varied=True, brought=(500,)), False),
        (Size(lists=1, titles=1000), False),
        (Size(lists=10, titles=20), False),
        (Size(pairs=5000), False),
        (Size(lists=1, titles=1000, varied=True), True),
        (Size(lists=500, titles=20), True),
        (Size(pairs=100_000), True),
        (Size(lists=1, titles=20, brought=(5000,)), True),
    ],
    ids=range(8),
)
def test_what_people_ask_every_day_is_no_large_request(size, large):
    assert (size.seconds() >= LARGE_SECONDS) == large
