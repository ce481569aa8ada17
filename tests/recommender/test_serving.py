"""The model as MLflow serves it: loaded without this repository, and queried over HTTP."""

import io
import json
import pickle
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.commands import python
from helpers.training import renamed
from mlflow.exceptions import MlflowException

from benchmarks import serving
from pipeline.artifact.folder import SETTINGS
from pipeline.errors import UserError
from pipeline.paths import ROOT
from pipeline.recommender import bounds
from pipeline.recommender.bounds import Size, turn
from pipeline.recommender.gate import CSV, PARQUET
from pipeline.recommender.listed import Listed
from pipeline.recommender.pair import recommend_both
from pipeline.recommender.recommender import Recommender
from pipeline.recommender.serving import LISTED, Recommendations
from pipeline.tracking.model import example

pytestmark = pytest.mark.slow

MINE = [{"anime_id": 10, "rating": 10}, {"title": "titel number 2", "rating": 2}]


@pytest.fixture(scope="module")
def stored(models, tmp_path_factory):
    """The model's URI in a new tracking store, and the URI of the store."""
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


def ask(service, body, kind="application/json"):
    """Post a request; returns the status and the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{service}/invocations", data)
    request.add_header("Content-Type", kind)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def known(users, **params):
    """The request for lists of users of the data."""
    return {"dataframe_records": [{"user_id": user} for user in users], "params": params}


def new(ratings):
    """The request for the list of a new user."""
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


def test_nothing_in_the_stored_model_is_pickled(stored):
    folder = Path(mlflow.artifacts.download_artifacts(stored[0], tracking_uri=stored[1]))
    files = [file for file in folder.rglob("*") if file.is_file()]
    plain = {".arrow", ".css", ".j2", ".json", ".npz", ".parquet", ".py", ".txt", ".yaml", ""}
    assert {file.suffix for file in files} <= plain
    for file in files:
        assert file.read_bytes()[:1] != pickle.PROTO, file
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype != object for name in arrays.files)


def test_the_model_has_a_signature_an_example_and_exact_requirements(loaded, stored):
    mlflow.set_tracking_uri(stored[1])
    info = loaded.metadata
    inputs = ["user_id", "ratings", "anime_id", "with_user_id", "with_ratings"]
    assert info.signature.inputs.input_names() == inputs
    assert {*LISTED, "other", "report"} == {*info.signature.outputs.input_names()}
    assert info.saved_input_example_info is not None
    needed = mlflow.pyfunc.get_model_dependencies(stored[0])
    lines = Path(needed).read_text().split()
    assert all("==" in line for line in lines)
    assert not any(line.startswith(("tensorflow", "keras")) for line in lines)


@pytest.mark.parametrize("name", ["t {}".format, lambda n: n + 2**40])
def test_a_model_with_other_ids_speaks_them(models, tmp_path, capfd, name):
    known = Recommender(models)
    folder = renamed(models, tmp_path / "model", name)
    model = mlflow.pyfunc.load_model(serving.stored(folder, tmp_path)[0])
    assert "Got error" not in capfd.readouterr().err, "the stored example is valid"
    lists = model.predict(pd.DataFrame({"user_id": [name(30)]}), {"k": 3})
    expected = [name(title["anime_id"]) for title in known.recommend(known.user("30"), 3)]
    assert lists["anime_id"].tolist() == expected
    assert example(folder) == [{"anime_id": name(n), "rating": 10.0} for n in (10, 20, 30)]
    settings = json.loads((folder / SETTINGS).read_text())
    (folder / SETTINGS).write_text(json.dumps(settings | {"max_rating": 5}))
    assert {entry["rating"] for entry in example(folder)} == {5.0}
    pairs = pd.DataFrame({"user_id": [name(30)] * 2, "anime_id": [name(50), name(999)]})
    assert model.predict(pairs)["prediction"].nunique() == 2
    mine = [{"anime_id": name(10), "rating": 9}, {"title": "Title number 2", "rating": 2}]
    theirs = pd.DataFrame({"ratings": [mine], "with_user_id": [name(30)]})
    assert len(model.predict(theirs, {"k": 2})) == 2


def test_a_user_gets_the_list_that_recommend_gives(service, models):
    status, answer = ask(service, known([30, 50], k=3))
    assert status == 200, answer
    rows, recommender = answer["predictions"], Recommender(models)
    assert [(row["row"], row["rank"]) for row in rows] == [
        (i, j) for i in (0, 1) for j in (1, 2, 3)
    ]
    for index, user in enumerate(("30", "50")):
        served = [row for row in rows if row["row"] == index]
        expected = recommender.recommend(recommender.user(user), 3)
        for one, other in zip(served, expected, strict=True):
            assert one["anime_id"] == other["anime_id"]
            assert one["title"] == other["title"]
            for name in ("prediction", "low", "high", "liked", "watch", "grades"):
                assert one[name] == pytest.approx(other[name], abs=1e-4), name
            assert not one["planned"]
            for name in ("why", "why_watch"):
                assert [part["what"] for part in one[name]] == [
                    part["what"] for part in other[name]
                ]


def test_a_new_user_gets_a_list_that_matches_the_filters(service):
    params = {"k": 4, "genres": ["odd"], "types": ["TV"], "from_year": 2000, "diversity": 0.2}
    status, answer = ask(service, {"dataframe_records": [{"ratings": MINE}], "params": params})
    assert status == 200, answer
    titles = [row["anime_id"] // 10 for row in answer["predictions"]]
    assert len(titles) == 4
    assert all(title % 2 and title % 3 and title >= 5 for title in titles)
    assert answer["predictions"][0]["why"]


def test_pairs_are_predicted_for_known_and_new_users(service, models):
    recommender, title = Recommender(models), [50, 999_999_999]
    user = [30, 10**9]
    body = {"columns": ["user_id", "anime_id"], "data": list(zip(user, title, strict=True))}
    status, answer = ask(service, {"dataframe_split": body})
    assert status == 200, answer
    expected = recommender.outlook(np.array(user), np.array(title))
    assert set(answer["predictions"][0]) == {"prediction", "low", "high", "liked"}
    for name in answer["predictions"][0]:
        values = [row[name] for row in answer["predictions"]]
        assert values == pytest.approx(expected[name], abs=1e-4), name
    body = {"dataframe_records": [{"ratings": MINE, "anime_id": one} for one in title]}
    status, answer = ask(service, body)
    assert status == 200, answer
    person = recommender.newcomer([Listed("10", 10), Listed("20", 2)])
    for row, expected in zip(
        answer["predictions"], recommender.details.of(person, np.array([5, 0])), strict=True
    ):
        assert row == pytest.approx(
            {name: expected[name] for name in ("prediction", "low", "high", "liked")}, abs=1e-4
        )


def test_a_whole_list_with_statuses_is_taken_and_planned_titles_are_marked(service, models):
    whole = [
        *MINE, {"anime_id": 30, "status": "dropped"}, {"anime_id": 40, "status": "Plan to Watch"}
    ]  # fmt: skip
    params = {"k": 50, "planned": "mark", "ignore": ["Title number 1"], "order": "sure"}
    status, answer = ask(service, {"dataframe_records": [{"ratings": whole}], "params": params})
    assert status == 200, answer
    rows = answer["predictions"]
    assert not {10, 20, 30} & {row["anime_id"] for row in rows}
    assert [row["anime_id"] for row in rows if row["planned"]] == [40]
    low = [row["low"] for row in rows]
    assert low == sorted(low, reverse=True)
    assert "Title number 1, rated 10" not in {part["what"] for row in rows for part in row["why"]}
    params = {"k": 50, "ignore_below": 5}
    status, answer = ask(service, {"dataframe_records": [{"ratings": MINE}], "params": params})
    assert status == 200, answer
    watch = {part["what"] for row in answer["predictions"] for part in row["why_watch"]}
    assert watch == {"Title number 1, rated 10"}


def test_a_reply_says_on_request_what_was_understood_of_the_list(service):
    brought = [*MINE, {"anime_id": 99999, "rating": 1}, {"title": "Monster", "rating": 1}]
    for body in ({"ratings": brought}, {"ratings": brought, "anime_id": 30}):
        rows = {"dataframe_records": [body], "params": {"k": 2, "report": True}}
        status, answer = ask(service, rows)
        assert status == 200, answer
        for row in answer["predictions"]:
            report = row["report"]
            assert report["read"] == 2
            assert report["likely"] == ["'titel number 2' read as Title number 2"]
            assert len(report["unknown"]) == 2
    params = {"k": 2, "report": True, "ignore": ["titel number 3"]}
    both = {"ratings": MINE, "with_ratings": brought}
    status, answer = ask(service, {"dataframe_records": [both], "params": params})
    assert status == 200, answer
    said = answer["predictions"][0]
    assert said["report"]["notes"] == ["ignore: 'titel number 3' read as Title number 3."]
    assert len(said["other"]["report"]["unknown"]) == 2


@pytest.mark.parametrize("second", [{"with_user_id": 50}, {"with_ratings": MINE}])
def test_two_people_get_the_list_that_recommend_gives_them(service, models, second):
    body = {"dataframe_records": [{"user_id": 30} | second], "params": {"k": 3}}
    status, answer = ask(service, body)
    assert status == 200, answer
    recommender = Recommender(models)
    mine = [Listed("10", 10), Listed("20", 2)]
    known = "with_user_id" in second
    other = recommender.user("50") if known else recommender.newcomer(mine)
    expected = recommend_both(recommender, (recommender.user("30"), other), 3)
    for one, title in zip(answer["predictions"], expected, strict=True):
        assert one["anime_id"] == title["anime_id"]
        assert one["other"]["prediction"] == pytest.approx(title["other"]["prediction"], abs=1e-4)


WRONG = [
    (known([30, 999]), "row 1: no user has the id or name '999'"),
    (new([]), "row 0: no ratings"),
    (new([{"anime_id": 123456, "rating": 9}]), "none of the rated titles"),
    (new([{"title": "qqq zzz xxx", "rating": 9}]), "no title is called"),
    (new([{"title": "zq" * 500_000, "rating": 9}]), "no title is called"),
    (new([{"anime_id": 10, "rating": 11}]), "rating must be from 1 to 10"),
    (new([{"anime_id": 1e999, "rating": 9}]), "anime_id inf is not a whole number"),
    (new([{"title": "9" * 5000, "rating": 9}]), "none of the rated titles"),
    (new([{"title": "10", "rating": 9}]), "no title is called '10'"),
    (new([{"anime_id": 10, "rating": "x"}]), "rating must be from 1 to 10"),
    (new(["Monster"]), "Monster needs either anime_id or title, and rating"),
    ({"dataframe_records": [{"anime_id": 10}]}, "rows need either user_id or ratings"),
    (new([{"anime_id": 10}]), "needs either anime_id or title, and rating or status"),
    (new([{"anime_id": 10, "status": "Seen"}]), "status 'Seen' is unknown; choose from"),
    (known([30], order="newest"), "order 'newest': choose from best, rating, sure"),
    (known([30], niche=2.0), "niche 2.0: from -1 to 1 is allowed"),
    (known([30], planned="show"), "planned 'show': choose from hide, only, mark"),
    (known([30], ignore=["Qqqq"]), "no title is called 'Qqqq'"),
    ({"dataframe_records": [{"user_id": 30, "with_user_id": 999}]}, "row 0: no user has the id"),
    (new(None), "row 0: ratings is null; it must be a list of titles, such as"),
    (new("Monster"), "ratings"),
    (new([{"anime_id": 1.7, "rating": 9}]), "anime_id 1.7 is not a whole number"),
    (known([30], k=0), "k 0: from 1 to 10000 is allowed"),
    (known([30], genres=["Drama"]), "genre 'Drama' is unknown"),
    (
        known([30], genres=["Odd"], without=["Odd"]),
        "both required and excluded",
    ),
    (
        known([30], from_year=2010, to_year=2000),
        "2010 is after 2000",
    ),
    (known(["Spike"]), "user_id"),
    (b"\x00\xff" * 5_000_000, "cannot be read as JSON"),
    (b"[" + b"1," * 5_000_000 + b"1]", "the JSON must be an object with dataframe_records"),
    (b"[" * 100_000, "the JSON is nested too deep"),
    (b'{"dataframe_records": [{"user_id": ' + b"9" * 5000 + b"}]}", "limit (4300 digits)"),
    (b'{"a": "' + b"x" * 33 * 2**20 + b'"}', "at most 33,554,432 are read"),
    ({"nonsense": 1}, ""),
    (known([15.5]), "row 0: user_id 15.5 is not a whole number"),
    (known([True]), "row 0: user_id True is not a whole number"),
    (known([None]), "row 0: user_id is null"),
    ({"dataframe_split": {"columns": ["user_id", "anime_id"], "data": [[30, 1.5]]}},
     "row 0: anime_id 1.5 is not a whole number"),
    ({"inputs": {"user_id": [30, 15.5], "anime_id": [10, 10]}}, "row 1: user_id 15.5 is not"),
    ({"instances": [{"user_id": 15.5, "anime_id": 10}]}, "row 0: user_id 15.5 is not a whole"),
    ({"inputs": {"user_id": [30, 50], "anime_id": [10]}}, "inputs have different lengths"),
    (known([30], genres=[None]), "genres is null, or has a null in it"),
    (known([30], k=None), "k is null"),
    (known([30], from_year=10**400), "from_year 1000"),
    (new([{"anime_id": 10, "rating": 10**400}]), "rating must be from 1 to 10"),
    (new([{"title": ["x"], "rating": 9}]), "title must be text"),
    (known([30] * 501), "501 lists: at most 500 are allowed in a request"),
    (known([30] * 3, k=10_000), "30,000 titles on all lists together (rows times k): at most 20,0"),
    (known([30], k=2000, diversity=0.5), "2,000 titles on a list with diversity: at most 1,000"),
    ({"dataframe_split": {"columns": ["user_id", "anime_id"], "data": [[30, 10]] * 100_001}},
     "100,001 predictions: at most 100,000"),
    (new([{"anime_id": 10, "rating": 9}] * 30_001), "a list of 30,001 titles: at most 30,000"),
    ({"dataframe_records": [{"ratings": [{"anime_id": 10, "rating": 1 + n / 100}]}
                            for n in range(101)]}, "101 different lists of ratings: at most 100"),
    (known([30], ignore=["x"] * 1001), "ignore: 1,001 values; at most 1,000 are allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), WRONG, ids=range(len(WRONG)))
def test_a_bad_request_is_explained_and_the_service_stays_up(service, body, message):
    status, answer = ask(service, body)
    assert status == 400, answer
    assert message in answer["message"]
    assert ask(service, known([30], k=1))[0] == 200


@pytest.mark.parametrize(
    "notation", ["split", "inputs", "rows of inputs", "instances", "csv", "pq"]
)
def test_every_notation_gets_the_same_answer(service, notation):
    pairs = {"user_id": [30, 50], "anime_id": [50, 10]}
    rows = [dict(zip(pairs, of, strict=True)) for of in zip(*pairs.values(), strict=True)]
    split = {"columns": list(pairs), "data": [list(row.values()) for row in rows]}
    packed = io.BytesIO()
    pd.DataFrame(pairs).to_parquet(packed)
    said = {
        "split": ({"dataframe_split": split}, "application/json"),
        "inputs": ({"inputs": pairs}, "application/json"),
        "rows of inputs": ({"inputs": rows}, "application/json"),
        "instances": ({"instances": rows}, "application/json"),
        "csv": (b"user_id,anime_id\r\n30,50\r\n 50 ,10.0\r\n", "text/csv; charset=utf-8"),
        "pq": (packed.getvalue(), "application/vnd.apache.parquet"),
    }
    status, answer = ask(service, *said[notation])
    assert status == 200, answer
    assert answer == ask(service, {"dataframe_records": rows})[1]


def parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"user_id,anime_id\n15.5,10\n", CSV, "row 0: user_id 15.5 is not a whole number"),
        (b"ratings\n[]\n", CSV, "Lists of ratings, and params, need JSON"),
        (b"user_id,anime_id\n1\n", CSV, "line 2 of the CSV has 1 cells, the header 2"),
        (b"user_id\n" + b"9" * 200_000, CSV, "field larger than field limit"),
        (b"", CSV, "it has none"),
        (parquet(user_id=np.full(2_000_001, 5)), PARQUET, "2,000,001 values: at most 2,000,000"),
        (b"PAR1", PARQUET, "cannot be read as Parquet"),
        (b"<a/>", "application/xml", "Content-Type 'application/xml': send application/json"),
    ],
    ids=range(8),
)
def test_a_body_of_another_kind_is_read_or_explained(service, body, kind, message):
    status, answer = ask(service, body, kind)
    assert status == 400, answer
    assert message in answer["message"]


def test_rows_that_bring_the_same_list_are_one_newcomer(service):
    rows = [{"ratings": MINE, "anime_id": 10 * (place % 30 + 1)} for place in range(3000)]
    status, answer = ask(service, {"dataframe_records": rows})
    assert status == 200, answer
    assert len(answer["predictions"]) == 3000
    assert answer["predictions"][30:60] == answer["predictions"][:30]


def test_large_requests_are_answered_two_at_a_time_and_small_ones_always(models):
    model, large = Recommendations(), Size(pairs=bounds.PAIRS)
    model.load_context(SimpleNamespace(artifacts={"model": str(models)}))
    small = pd.DataFrame({"user_id": [30], "anime_id": [10]})
    with turn(large), turn(large):
        assert len(model.predict(None, small)) == 1
        with pytest.raises(MlflowException, match="2 large requests are being answered") as error:
            model.predict(None, pd.concat([small] * bounds.PAIRS))
        assert error.value.get_http_status_code() == 429
    with turn(large):
        pass


def test_a_request_gives_up_before_the_server_does(models, monkeypatch):
    monkeypatch.setenv("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "0")
    model = Recommendations()
    model.load_context(SimpleNamespace(artifacts={"model": str(models)}))
    with pytest.raises(MlflowException, match="given up after 0 seconds") as error:
        model.predict(None, pd.DataFrame({"ratings": [MINE], "anime_id": [10]}))
    assert error.value.get_http_status_code() == 504


def test_names_that_must_be_searched_by_likeness_are_bounded():
    work = bounds.Work()
    for _ in range(bounds.SEARCHES):
        work.count_search()
    with pytest.raises(UserError, match="more than 5,000 names are not written as in the catal"):
        work.count_search()


def test_in_python_an_error_is_an_exception_of_mlflow(loaded):
    import pandas as pd

    with pytest.raises(MlflowException, match="row 0: no user has the id or name '999'"):
        loaded.predict(pd.DataFrame({"user_id": [999]}))
