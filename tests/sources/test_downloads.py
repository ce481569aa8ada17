"""Downloads: whatever the server does, the result is verified files or advice on what to do."""

import signal
import time
from multiprocessing import get_context

import pandas as pd
import pytest
from helpers.archives import FILES, ML_ZIP, contents, mal_2023, movielens_1m, zipped
from helpers.server import Server

from pipeline.errors import UserError
from pipeline.sources import archives, kaggle, movielens
from pipeline.tables.raw import SCORES_CSV

pytestmark = pytest.mark.slow


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """The environment of a user who has downloaded nothing yet and has no Kaggle account."""
    variables = {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "KAGGLEHUB_CACHE": str(tmp_path / "cache"),
        "KAGGLE_CONFIG_DIR": str(tmp_path),
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",  # http://localhost, for which the proxy answers
    }
    for name in ("no_proxy", "NO_PROXY", "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(archives, "TIMEOUT", 1.0)
    return tmp_path


def download(source, server, out, monkeypatch):
    """Run a source with the server as its proxy, and check the files that it writes."""
    monkeypatch.setenv("http_proxy", server.url)
    if source is kaggle:
        kaggle.write(mal_2023(), out)
        assert contents(out) == FILES
    else:
        movielens.write(movielens_1m(url=f"{server.url}/ml-1m.zip"), out)
        assert len(pd.read_csv(out / SCORES_CSV)) == 3


SERVED = FILES | {"ml-1m.zip": ML_ZIP}
BOTH = pytest.mark.parametrize("source", [kaggle, movielens], ids=["kaggle", "movielens"])


@BOTH
def test_a_download_is_made_once_and_then_comes_from_the_cache(
    source, surroundings, out, monkeypatch
):
    with Server(SERVED) as server:
        download(source, server, out, monkeypatch)
        asked = len(server.asked)
        download(source, server, out, monkeypatch)
    assert len(server.asked) == asked == (3 if source is kaggle else 1)
    download(source, server, out, monkeypatch)  # the server is closed


@BOTH
@pytest.mark.parametrize("fault", ["cut", "long"])
def test_a_download_is_tried_again_when_the_connection_breaks(
    source, fault, surroundings, out, monkeypatch
):
    with Server(SERVED, fault) as server:
        download(source, server, out, monkeypatch)


@BOTH
@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ([403], "403"),
        ([404], "404"),
        ([500], "500"),
        (["stall"], "timed out"),
        (["cut"] * 20, "broken"),
        (["wrong"] * 20, "digest|hash"),
        (["corrupt"] * 20, "digest|hash"),
        (["short"] * 20, "digest|hash"),
    ],
    ids=["403", "404", "500", "stall", "cut", "wrong", "corrupt", "short"],
)
def test_a_download_that_fails_writes_nothing_and_says_how_to_place_the_file_by_hand(
    source, faults, message, surroundings, out, monkeypatch
):
    with Server(SERVED, *faults) as server, pytest.raises(UserError, match=message) as error:
        download(source, server, out, monkeypatch)
    assert len(server.asked) <= 5
    assert contents(out) == {}
    assert "-S dataset.path=FOLDER_OR_ZIP" in str(error.value)


@BOTH
def test_without_a_network_the_message_names_the_files_and_where_they_are(
    source, surroundings, out, monkeypatch
):
    with Server({}) as closed:
        pass
    with pytest.raises(UserError, match="cannot download") as error:
        download(source, closed, out, monkeypatch)
    place = "https://www.kaggle.com/datasets/owner/name" if source is kaggle else "/ml-1m.zip"
    assert place in str(error.value)
    assert source is movielens or all(name in str(error.value) for name in FILES)


def test_an_interrupted_download_resumes(surroundings, out, monkeypatch):
    with Server(SERVED, "cut") as server:
        download(kaggle, server, out, monkeypatch)
    assert [span for _, span in server.asked] == [None, None, "bytes=1048576-", None, None]


@pytest.mark.parametrize(
    "faults", [["wrong"], ["corrupt"], ["short"], ["cut", "none", 500]], ids=str
)
def test_a_file_with_a_wrong_digest_is_downloaded_once_more_from_kaggle(
    faults, surroundings, out, monkeypatch
):
    with Server(SERVED, *faults) as server:  # 500 to a Range: kagglehub appends the error page
        download(kaggle, server, out, monkeypatch)


@BOTH
def test_a_cached_file_that_was_changed_is_fetched_again(source, surroundings, out, monkeypatch):
    with Server(SERVED) as server:
        download(source, server, out, monkeypatch)
        name = SCORES_CSV if source is kaggle else "ml-1m.zip"
        (file,) = (surroundings / "cache").rglob(name)
        file.write_bytes(b"changed")
        download(source, server, out, monkeypatch)
        assert file.read_bytes() == SERVED[name]


@pytest.mark.parametrize("fault", ["none", "cut"])
def test_a_file_that_kaggle_packs_is_unpacked(fault, surroundings, out, monkeypatch):
    packed = {f"{name}.zip": zipped({name: data}, "") for name, data in FILES.items()}
    with Server(packed, fault) as server:
        download(kaggle, server, out, monkeypatch)


@pytest.mark.parametrize("size", [1, 3 << 20, 4 << 20], ids=["less", "as much", "more"])
def test_the_rest_of_a_download_killed_while_unpacking_does_no_harm(
    size, surroundings, out, monkeypatch
):
    left = surroundings / "cache/datasets/owner/name/versions/1" / SCORES_CSV
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes(size))
    with Server(SERVED) as server:
        download(kaggle, server, out, monkeypatch)


@BOTH
def test_a_download_killed_in_the_middle_ends_with_verified_files_when_repeated(
    source, surroundings, out, monkeypatch
):
    with Server(SERVED, "stall") as server:
        monkeypatch.setenv("http_proxy", server.url)
        settings = mal_2023() if source is kaggle else movielens_1m(url=f"{server.url}/ml-1m.zip")
        process = get_context("spawn").Process(target=source.write, args=(settings, out))
        process.start()
        while process.is_alive() and not arrived(surroundings / "cache"):
            time.sleep(0.02)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert contents(out) == {}
        download(source, server, out, monkeypatch)
    assert source is movielens or server.asked[2][1].startswith("bytes=")


def arrived(folder):
    """The number of bytes downloaded so far."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
