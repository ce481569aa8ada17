"""The model as MLflow serves it: loaded without this repository, and asked over HTTP."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pytest
from helpers.commands import python
from mlflow.exceptions import MlflowException

from benchmarks import serving
from pipeline.paths import ROOT
from pipeline.recommender.catalogue import Rated
from pipeline.recommender.recommender import Recommender

MINE = [{"anime_id": 10, "rating": 10}, {"title": "titel number 2", "rating": 2}]


@pytest.fixture(scope="module")
def stored(models, tmp_path_factory):
    """The address of the model in a store of its own, and the store."""
    return serving.stored(models, tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def loaded(stored):
    mlflow.set_tracking_uri(stored[1])
    return mlflow.pyfunc.load_model(stored[0])


@pytest.fixture(scope="module")
def service(stored, tmp_path_factory):
    """The address of ``mlflow models serve``, started in an empty folder."""
    with serving.service(*stored, cwd=tmp_path_factory.mktemp("empty")) as address:
        yield address


def ask(service, body):
    """Post a body; returns the status and the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = urllib.request.Request(f"{service}/invocations", data)
    asked.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def about(users, **params):
    """What is posted for the lists of users."""
    return {"dataframe_records": [{"user_id": user} for user in users], "params": params}


def told(ratings):
    """What is posted for the list of somebody new."""
    return {"dataframe_records": [{"ratings": ratings}]}


def test_the_stored_model_needs_neither_this_repository_nor_tensorflow(stored, tmp_path):
    program = (
        "import sys, mlflow, pandas as pd\n"
        "sys.modules['tensorflow'] = None  # an import of it fails\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "model.predict(pd.DataFrame({'user_id': [30]}), params={'k': 3}).to_csv(sys.stdout)\n"
        "import pipeline; assert not pipeline.__file__.startswith(sys.argv[2])\n"
    )
    done = python("-c", program, stored[0], str(ROOT), cwd=tmp_path, MLFLOW_TRACKING_URI=stored[1])
    assert done.returncode == 0, done.output
    assert len(done.stdout.splitlines()) == 4, done.output


def test_it_comes_with_signature_example_and_exact_requirements(loaded, stored):
    mlflow.set_tracking_uri(stored[1])
    info = loaded.metadata
    assert info.signature.inputs.input_names() == ["user_id", "ratings", "anime_id"]
    assert info.saved_input_example_info is not None
    needed = mlflow.pyfunc.get_model_dependencies(stored[0])
    lines = Path(needed).read_text().split()
    assert all("==" in line for line in lines)
    assert not any(line.startswith(("tensorflow", "keras")) for line in lines)


def test_a_user_gets_the_list_that_recommend_gives(service, models):
    status, found = ask(service, about([30, 50], k=3))
    assert status == 200, found
    rows, recommender = found["predictions"], Recommender(models)
    assert [(row["row"], row["rank"]) for row in rows] == [
        (i, j) for i in (0, 1) for j in (1, 2, 3)
    ]
    for place, user in enumerate(("30", "50")):
        own = [row for row in rows if row["row"] == place]
        for theirs, ours in zip(own, recommender.recommend(recommender.user(user), 3), strict=True):
            assert theirs["anime_id"] == ours["anime_id"]
            assert theirs["title"] == ours["title"]
            assert theirs["prediction"] == pytest.approx(ours["prediction"], abs=1e-5)
            assert [why["what"] for why in theirs["why"]] == [why["what"] for why in ours["why"]]


def test_somebody_new_gets_a_list_as_wanted(service):
    wanted = {"k": 4, "genres": ["odd"], "types": ["TV"], "from_year": 2000, "diversity": 0.2}
    status, found = ask(service, {"dataframe_records": [{"ratings": MINE}], "params": wanted})
    assert status == 200, found
    titles = [row["anime_id"] // 10 for row in found["predictions"]]
    assert len(titles) == 4
    assert all(title % 2 and title % 3 and title >= 5 for title in titles)
    assert found["predictions"][0]["why"]


def test_pairs_are_predicted_for_users_and_for_somebody_new(service, models):
    recommender, title = Recommender(models), [50, 999_999_999]
    user = [30, 10**9]
    body = {"columns": ["user_id", "anime_id"], "data": list(zip(user, title, strict=True))}
    status, found = ask(service, {"dataframe_split": body})
    assert status == 200, found
    ours = recommender.predict(np.array(user), np.array(title))
    assert [row["prediction"] for row in found["predictions"]] == pytest.approx(ours, abs=1e-5)
    body = {"dataframe_records": [{"ratings": MINE, "anime_id": one} for one in title]}
    status, found = ask(service, body)
    assert status == 200, found
    person = recommender.newcomer([Rated("10", 10), Rated("20", 2)])
    ours = recommender.scorer.scores(person.taste)[[5, 0]]
    assert [row["prediction"] for row in found["predictions"]] == pytest.approx(ours, abs=1e-5)


WRONG = [
    (about([30, 999]), "row 1: no user has the id or name '999'"),
    (told([]), "row 0: no ratings"),
    (told([{"anime_id": 123456, "rating": 9}]), "none of the titles"),
    (told([{"title": "qqq zzz xxx", "rating": 9}]), "no title is called"),
    (told([{"title": "zq" * 5_000_000, "rating": 9}]), "no title is called"),
    (told([{"anime_id": 10, "rating": 11}]), "a rating is from 1 to 10"),
    (told([{"anime_id": 1e999, "rating": 9}]), "an id a number"),
    (told([{"title": "9" * 5000, "rating": 9}]), "none of the titles"),
    (told([{"anime_id": 10, "rating": "x"}]), "a rating is from 1 to 10"),
    (told(["Monster"]), "Monster is not anime_id, or title, and rating"),
    ({"dataframe_records": [{"anime_id": 10}]}, "rows need user_id, or ratings"),
    (about([30], k=0), "k 0"),
    (about([30], genres=["Drama"]), "genre 'Drama' is unknown"),
    (
        about([30], genres=["Odd"], without=["Odd"]),
        "both wanted and not wanted",
    ),
    (
        about([30], from_year=2010, to_year=2000),
        "2010 is after 2000",
    ),
    (about(["Spike"]), "user_id"),
    (b"\x00\xff" * 5_000_000, ""),  # no JSON at all
    (b"[" + b"1," * 5_000_000 + b"1]", ""),
    ({"nonsense": 1}, ""),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_what_is_wrong_is_answered_with_a_sentence_and_the_service_stays_up(service, body, message):
    status, found = ask(service, body)
    assert status == 400, found
    assert message in found["message"]
    assert ask(service, about([30], k=1))[0] == 200


def test_in_a_program_it_is_an_exception_of_mlflow(loaded):
    import pandas as pd

    with pytest.raises(MlflowException, match="row 0: no user has the id or name '999'"):
        loaded.predict(pd.DataFrame({"user_id": [999]}))
