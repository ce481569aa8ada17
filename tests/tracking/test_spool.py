"""A tracking server that goes away, hangs or answers 500: runs go on, and are whole afterwards."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
from helpers.tracking import Proxy, Tracker, rows
from helpers.training import model_settings
from mlflow import MlflowClient

from pipeline import promote, send
from pipeline.errors import UserError
from pipeline.sweeps import runs as sweeps
from pipeline.tracking import champion, connection, logs, objective, runs, sender, spool, store
from pipeline.tracking.origin import SWEEP_RUN

DIGEST = "0123456789ab"  # of the model


@pytest.fixture(scope="module")
def tracker(tmp_path_factory):
    tracker = Tracker(tmp_path_factory.mktemp("server")).start()
    yield tracker
    tracker.kill()


@pytest.fixture(scope="module")
def home(tmp_path_factory, features):
    """A repository, in which the spool's empty store is created once."""
    home = tmp_path_factory.mktemp("home")
    (home / "data").mkdir()
    (home / "data" / "features").symlink_to(features)
    return home


@pytest.fixture
def proxy(tracker, home, monkeypatch):
    """A proxy before the server; MLflow is pointed at it, and the sender is quick."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW", "DVC", "SWEEP"))]:
        monkeypatch.delenv(name)
    proxy = Proxy(tracker.port)
    monkeypatch.setenv("DVC_ROOT", str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.url)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    monkeypatch.setattr(sender, "PAUSE", 0.1)
    monkeypatch.setattr(sender, "BRIEF", 1.0)
    monkeypatch.setattr(store, "SECONDS", 1.0)
    monkeypatch.setattr(sys, "argv", ["send"])
    monkeypatch.chdir(home)
    yield proxy
    proxy.set("away")
    for left in spool.noted():  # by a test that failed
        shutil.rmtree(left.folder, ignore_errors=True)


class Answer(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[str]) -> list[str]:
        return model_input


def train(name, between=lambda epoch: None):
    """A stage that logs as train does; ``between`` is called after each epoch."""
    with runs.run(model_settings(f"train.seed={name}")):
        for epoch in range(1, 4):
            logs.log_epoch({"epoch": epoch, "train_mse": 2 / epoch, "valid_mse": 3 / epoch})
            between(epoch)
        logs.log_best({"valid_mse": 1.0})
        runs.tag_model(f"{DIGEST}{name}")
        mlflow.pyfunc.log_model(name="model", python_model=Answer(), pip_requirements=["mlflow"])


def evaluate(name):
    """A stage that logs as evaluate does."""
    with runs.run(model_settings(f"train.seed={name}"), f"{DIGEST}{name}"):
        mlflow.log_metrics({"test_mse": 1.5})
        mlflow.log_text("<html>", "report.html")
        champion.enter(rows(1.2))


def found(tracker, name, query="metrics.valid_mse > 0"):
    """The runs with this seed on the server."""
    client = MlflowClient(tracker.url)
    number = client.get_experiment_by_name("anime-ratings").experiment_id
    return client.search_runs([number], f"params.train.seed = '{name}' and {query}")


def is_whole(tracker, name):
    """Whether a run is on the server as if nothing had happened, and the spool is empty."""
    client, (run,) = MlflowClient(tracker.url), found(tracker, name)
    curve = client.get_metric_history(run.info.run_id, "valid_mse")
    assert [(point.step, point.value) for point in curve] == [(1, 3.0), (2, 1.5), (3, 1.0)]
    assert run.data.metrics["best_valid_mse"] == 1.0
    assert run.data.metrics["test_mse"] == 1.5
    assert run.info.status == "FINISHED"
    assert run.data.tags["route"] == "python"
    assert run.data.tags["champion"]
    assert len(run.inputs.dataset_inputs) == 3
    names = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert names == {"config.yaml", "report.html", champion.PREDICTIONS}
    (output,) = run.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert model.status == "READY"
    assert {metric.key for metric in model.metrics} >= {"best_valid_mse", "test_mse"}
    before = os.environ["MLFLOW_TRACKING_URI"]
    mlflow.set_tracking_uri(tracker.url)  # sets the variable
    served = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    os.environ["MLFLOW_TRACKING_URI"] = before
    assert served.predict(["a"]) == ["a"]
    assert served.metadata.run_id == run.info.run_id
    assert not spool.pending()


def send_waiting():
    """Run the command, when the stages before have given up."""
    for thread in threading.enumerate():
        if thread.name == "sender":
            thread.join()
    send.main()


def tells(capsys):
    """How often the user was told that the server is away."""
    return capsys.readouterr().err.count("cannot be used now")


def test_a_run_is_on_the_server_while_it_goes_on_and_whole_afterwards(proxy, tracker, capsys):
    seen = []

    def look(epoch):
        while epoch == 2 and not seen:
            seen.extend(found(tracker, 1, "metrics.valid_mse = 1.5"))

    train(1, look)
    assert seen[0].info.status == "RUNNING"
    evaluate(1)
    is_whole(tracker, 1)
    assert tells(capsys) == 0


@pytest.mark.parametrize("moment", [1, 3, 7, 12, 25])
def test_a_server_that_dies_in_the_middle_of_a_request_loses_nothing(
    proxy, tracker, capsys, moment
):
    name = 100 + moment
    proxy.at(moment, "away")
    train(name)
    evaluate(name)
    assert proxy.mode == "away"
    assert tells(capsys) == 1
    proxy.set("pass")
    send_waiting()
    is_whole(tracker, name)


@pytest.mark.parametrize("mode", ["away", "hang", "500", "stopped"])
def test_what_waits_is_sent_by_the_next_stage(proxy, tracker, capsys, mode):
    name = {"away": 201, "hang": 202, "500": 203, "stopped": 204}[mode]
    stopped = mode == "stopped"
    train(name, lambda epoch: tracker.signal(signal.SIGSTOP) if stopped else proxy.set(mode))
    assert tells(capsys) == 1
    assert spool.pending(proxy.url)
    tracker.signal(signal.SIGCONT)
    proxy.set("pass")
    evaluate(name)
    is_whole(tracker, name)
    assert tells(capsys) == 0


def test_evaluate_continues_a_run_that_was_sent_before_the_server_went_away(proxy, tracker, capsys):
    train(211)
    assert not spool.pending()
    proxy.set("away")
    store.check_environment()
    evaluate(211)
    assert tells(capsys) == 1
    proxy.set("pass")
    send_waiting()
    is_whole(tracker, 211)
    assert not spool.noted()


@pytest.mark.parametrize("moment", [2, 4, 5])
def test_a_server_that_dies_while_evaluate_asks_for_its_run_loses_nothing(
    proxy, tracker, capsys, moment
):
    train(220 + moment)
    assert not spool.pending()
    proxy.at(moment, "away")
    evaluate(220 + moment)
    assert tells(capsys) == 1
    proxy.set("pass")
    send_waiting()
    is_whole(tracker, 220 + moment)


def test_a_server_that_comes_back_in_the_middle_gets_all(proxy, tracker, capsys):
    def away_and_back(epoch):
        proxy.set("away" if epoch == 1 else "pass")
        while epoch == 1 and not spool.pending()[0].note["told"]:
            pass

    train(301, away_and_back)
    evaluate(301)
    is_whole(tracker, 301)
    assert tells(capsys) == 1


def test_send_says_what_it_did_and_fails_if_it_could_not(proxy, tracker, capsys, monkeypatch):
    send_waiting()
    assert "no run waits" in capsys.readouterr().out
    train(401, lambda epoch: proxy.set("away"))
    with pytest.raises(UserError, match="1 of 1 runs were not sent"):
        send_waiting()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs.db")
    capsys.readouterr()
    send.main()  # a run is never sent elsewhere
    assert f"1 runs wait for {proxy.url}" in capsys.readouterr().out
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.url)
    proxy.set("pass")
    send_waiting()
    assert "sent 1 runs" in capsys.readouterr().out
    assert [run.info.status for run in found(tracker, 401)] == ["FINISHED"]
    evaluate(401)
    is_whole(tracker, 401)


KILLED = """
import os, sys
sys.path[:0] = {path}
from test_spool import train
train(501, lambda epoch: epoch == 2 and os.kill(os.getpid(), 9))
"""


def test_a_run_whose_process_was_killed_is_sent_as_killed(proxy, tracker):
    code = KILLED.format(path=[str(folder) for folder in Path(__file__).parents[:3]])
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    send_waiting()
    (run,) = found(tracker, 501)
    assert run.info.status == "KILLED"
    assert run.data.metrics["valid_mse"] == 1.5
    assert not spool.pending()


def test_the_stage_and_its_sender_do_not_both_tell(proxy):
    spooled = spool.create(proxy.url, "told once", None)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: spooled.tell(), range(8))) == 1
    spooled.remove()
    assert not spooled.tell()


SECRETS = {  # variables that a user may have, whose values are nobody's business
    **dict.fromkeys(("MLFLOW_TRACKING_TOKEN", "KAGGLE_KEY", "AWS_SECRET_ACCESS_KEY"), "hunter2"),
    "http_proxy": "http://hunter2@127.0.0.1:1", "no_proxy": "127.0.0.1",
}  # fmt: skip


def test_no_secret_is_written_or_told(proxy, tracker, home, monkeypatch, capfd):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.url.replace("//", "//user:hunter2@"))
    told = []

    def fails(expected, stage, *words):
        with pytest.raises(expected):
            stage(*words)
        told.append(traceback.format_exc())

    train(601)
    evaluate(601)
    is_whole(tracker, 601)
    fails(ZeroDivisionError, train, 602, lambda epoch: 1 // 0)
    train(603, lambda epoch: proxy.set("500"))
    for stage in (send_waiting, connection.connect, lambda: promote.chosen(None)):
        fails(UserError, stage)
    assert "cannot be used now" in (output := "".join(capfd.readouterr()))
    places = [path for folder in (home, tracker.folder) for path in folder.rglob("*")]
    written = [path for path in places if path.is_file() and b"hunter2" in path.read_bytes()]
    assert not written
    assert "hunter2" not in output + "".join(told)
    proxy.set("pass")
    send_waiting()


def test_a_sweep_waits_for_the_server_with_its_comparison(proxy, tracker, monkeypatch, capsys):
    client = MlflowClient(tracker.url)
    number = connection.connect().experiment_id
    tags = {"sweep": "this", objective.TAG: "mse"}
    parent = client.create_run(number, tags=tags).info.run_id
    monkeypatch.setenv(SWEEP_RUN, parent)
    for seed in (701, 702):
        with sweeps.child([f"train.seed={seed}"], job=f"job {seed}"):
            if seed == 702:
                assert sweeps.earlier_value("job 701", objective.named("mse")) == 1.0
                proxy.set("away")
                assert sweeps.earlier_value("job 702", objective.named("mse")) is None
            train(seed)
            evaluate(seed)
    assert tells(capsys) == 1
    with pytest.raises(UserError, match="not sent"):
        sweeps.close("FINISHED")
    proxy.set("pass")
    monkeypatch.setenv(SWEEP_RUN, parent)
    assert sweeps.close("FINISHED") == []
    for seed in (701, 702):
        (run,) = found(tracker, seed)
        assert run.data.tags["mlflow.parentRunId"] == parent
        assert run.data.metrics["test_mse"] == 1.5
    assert client.get_run(parent).info.status == "FINISHED"
    assert client.get_run(parent).data.metrics["best_valid_mse"] == 1.0
