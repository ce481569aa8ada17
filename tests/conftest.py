"""Small tables that most tests share, and the real ratings where they are present."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from omegaconf import OmegaConf

from pipeline.artifact.folder import WEIGHTS, write_model
from pipeline.compose import compose
from pipeline.config import check
from pipeline.paths import ROOT
from pipeline.settings.sections import Duckdb
from pipeline.tables.earlier import BLOCKS
from pipeline.tables.engine import connect
from pipeline.tables.entities import read_counts

settings.register_profile(
    "default",
    deadline=None,
    max_examples=40,
    derandomize="CI" in os.environ,  # the same examples each time; at one's desk new ones
)
settings.load_profile("default")

USERS, ITEMS = 40, 30  # of the tables in which a taste is planted
REAL_DATA = Path(os.environ.get("ANIME_RATINGS_DATA", ROOT.parent / "shared" / "data"))


def table(**columns):
    """An Ibis table of a few rows."""
    return ibis.memtable(pd.DataFrame(columns))


def run(*command, cwd, **environment):
    """Run a command as a user would; returns the finished process with its output as text."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "MLFLOW"))}
    done = subprocess.run(
        command, cwd=cwd, env=clean | environment, capture_output=True, text=True, check=False
    )
    done.output = done.stdout + done.stderr
    return done


def python(*arguments, cwd, **environment):
    """Run this Python, with the commands of its environment first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return run(sys.executable, *arguments, cwd=cwd, PATH=path, **environment)


def real_data(name):
    """A folder of real ratings, or a skip with the reason."""
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"real ratings are not at {folder}; set ANIME_RATINGS_DATA to their folder")
    return folder


@pytest.fixture
def out(tmp_path):
    """An empty folder for the files of a source."""
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A fresh clone of the repository as it is in the work tree, with a commit to start from."""
    folder = tmp_path_factory.mktemp("clone") / "anime-ratings"
    listed = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    run("git", "init", "-q", cwd=folder)
    run("git", "config", "user.email", "test@example.org", cwd=folder)
    run("git", "config", "user.name", "test", cwd=folder)
    run("git", "add", "-A", cwd=folder)
    assert run("git", "commit", "-qm", "start", cwd=folder).returncode == 0
    return folder


@pytest.fixture(scope="session")
def engine():
    """DuckDB, as the stages use it."""
    with connect(Duckdb("duckdb", threads=None, memory_limit="1GB")) as engine:
        yield engine


def model_settings(*overrides):
    small = ["model.wide.buckets=4096", "model.deep.embedding=4", "model.deep.units=[8]"]
    model = next((o for o in overrides if o.startswith("model=")), "model=wide_deep")
    small = [o for o in small if o.split(".")[1] in model]
    return check(OmegaConf.create(compose([model, "train.batch_size=64", *small, *overrides])))


DRAWS = [
    "posterior.embedding=3", "posterior.history_components=5", "posterior.sweeps=40",
    "posterior.burn_in=10", "posterior.keep_every=5",
]  # fmt: skip


def train(features, folder, *overrides):
    """Train a small model into a folder; it has draws unless ``posterior=none`` is asked for."""
    from pipeline.model.network.export import arrays
    from pipeline.model.network.fit import fit
    from pipeline.model.posterior import sampler
    from pipeline.model.posterior.checkpoint import Checkpoint

    draws = [] if "posterior=none" in overrides else DRAWS
    settings = model_settings("train.epochs=3", *draws, *overrides)
    network, _ = fit(settings, features, lambda _: None)
    kept = sampler.sample(settings, features, lambda *_: None, Checkpoint(folder / "c", 0))
    network.save_weights(folder / WEIGHTS)
    write_model(folder, arrays(network, *read_counts(features)), kept, settings, features)
    return folder


@pytest.fixture(scope="session")
def models(features, tmp_path_factory):
    """A folder of models, trained on ``features``."""
    return train(features, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    """Feature tables where a user likes either the odd titles' genre or the even ones'."""
    folder, random = tmp_path_factory.mktemp("features"), np.random.default_rng(0)
    users, items = np.arange(USERS + 1), np.arange(ITEMS + 2)  # the last title: no ratings
    pair = random.permutation(USERS * ITEMS)
    user, item = (pair // ITEMS + 1).astype("int32"), (pair % ITEMS + 1).astype("int32")
    likes = np.where((user % 2) == (item % 2), 2, -2)
    rating = np.clip(6 + likes + random.integers(-1, 2, len(pair)), 1, 10).astype("int8")
    block = random.integers(0, BLOCKS, len(pair)).astype("int8")
    rows = pd.DataFrame({"user": user, "item": item, "rating": rating, "block": block})
    for part, where in (
        ("train", slice(0, 900)),
        ("valid", slice(900, 1050)),
        ("test", slice(1050, None)),
    ):
        rows.iloc[where].to_parquet(folder / f"{part}.parquet", index=False)

    def table(name, index, /, **columns):
        train = rows.iloc[:900].groupby(name).rating.agg(["sum", "count"])
        known = train.reindex(index, fill_value=0).astype("int32")
        ids = pa.array([None, *(index[1:] * 10)], "int32")
        numbers = {f"{name}_{of}": known[of].to_numpy() for of in ("sum", "count")}
        plain = {name: index.astype("int32"), f"{name}_id": ids, **numbers, **columns}
        pq.write_table(pa.table(plain), folder / f"{name}s.parquet")

    zeros = np.zeros(len(items), "float32")
    names = {"name": pa.array([None, *(f"user{user}" for user in users[1:])], "string")}
    table("user", users, completed=0.0 * users, plan_to_watch=0.0 * users, **names)
    odd = [[1 + i % 2] for i in items]
    lists = {"genres": pa.array(odd), "studios": pa.array([[0] for _ in items])}
    codes = {"type": zeros.astype("int32"), "source": zeros.astype("int32")}
    texts = {"title": items.astype(str)}
    table("item", items, episodes=zeros, year=zeros, **texts, **codes, **lists)
    titles = {
        "item": pa.array(items, "int32"),
        "item_id": pa.array([None, *(items[1:] * 10)], "int32"),
        "title": pa.array([None, *(f"Title number {i}" for i in items[1:])], "string"),
        "english": pa.array([None, *(f"In English {i}" for i in items[1:])], "string"),
        "genres": pa.array([[], *(["Odd" if i % 2 else "Even"] for i in items[1:])]),
        "type": pa.array([None, *("TV" if i % 3 else "Movie" for i in items[1:])], "string"),
        "year": pa.array([None, *(1995 + items[1:])], "int32"),
    }
    pq.write_table(pa.table(titles), folder / "titles.parquet")
    words = {"feature": ["genres"] * 2, "value": ["Even", "Odd"], "index": [1, 2]}
    pq.write_table(pa.table(words), folder / "vocabularies.parquet")
    return folder
