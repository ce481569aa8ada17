"""Models small enough to train in a second."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import OmegaConf

from pipeline.artifact.folder import write_model
from pipeline.artifact.similar import SIMILAR, load_similar
from pipeline.compose import compose
from pipeline.config import check
from pipeline.files.seals import seal
from pipeline.tables.rows import read_pairs
from pipeline.train import listed_together, ordered, remembered


def model_settings(*overrides):
    small = [
        "model.wide.buckets=4096", "model.deep.embedding=4", "model.deep.history_components=5",
        "model.deep.units=[8]",
    ]  # fmt: skip
    model = next((o for o in overrides if o.startswith("model=")), "model=wide_deep")
    small = [o for o in small if o.split(".")[1] in model]
    return check(OmegaConf.create(compose([model, "train.batch_size=64", *small, *overrides])))


def shard_of(user, item, users, titles, **others):
    """The shard of the only worker, of pairs of users and titles; all ratings are 1."""
    from pipeline.model.shard import Part, Shard

    n, order = len(user), np.argsort(user, kind="stable")
    user, item = user[order].astype("int32"), item[order].astype("int32")
    none, counts = np.zeros(0, "int32"), [np.bincount(user, minlength=users)]
    counts.append(np.bincount(item, minlength=titles))
    parts = [Part(0, number, number) for number in (users, titles, n)]
    nothing = Part(0, 0, 0), none, none, none.astype("float32")
    rest = {"items": None, "mean": 1.0, "variance": 1.0} | others
    ones = np.ones(n, "float32")
    return Shard(*parts, user, item, ones, (user, item), *nothing, *counts, **rest)


ALL_MEMBERS = "posterior.members=[grades,normal,grades_common]"
DRAWS = [  # of one chain, as each takes seconds to trace
    "posterior.members=[grades]", "posterior.embedding=3", "posterior.history_components=5",
    "posterior.sweeps=40", "posterior.burn_in=10", "posterior.keep_every=5",
]  # fmt: skip


def train(features, folder, *overrides, share=0.9):
    """Train a small model into a folder; with draws unless ``posterior=none`` is given.

    The draws have this share of a prediction, and the network the rest. Similar titles have a
    strength of .5.
    """
    train_network(features, folder, *overrides, share=share)
    return folder


def finish(settings, folder, features):
    """Add to a model what train adds after the network and the draws; return train's figures."""
    valid, together = read_pairs(features, "valid"), listed_together(settings, features)
    scorer, mse, strength = remembered(settings, folder, valid, together)
    return mse, strength, *ordered(settings, folder, valid, scorer, together, features)


def train_network(features, folder, *overrides, share=0.9):
    """Train a small model into a folder, and return its network in Keras."""
    from pipeline.model.checkpoint import Checkpoint
    from pipeline.model.network.export import exported
    from pipeline.model.network.fit import fit
    from pipeline.model.posterior import sampler

    draws = [] if "posterior=none" in overrides else DRAWS
    settings = model_settings("train.epochs=3", *draws, *overrides)
    checkpoints = [Checkpoint(folder / name, 0) for name in ("n", "d")]
    network, known, _ = fit(settings, features, lambda _: None, checkpoints[0])
    kept = sampler.sample(settings, features, lambda *_: None, checkpoints[1])
    draws = (kept, {"shares": np.full(len(kept.draws), share / len(kept.draws))}) if kept else None
    write_model(folder, exported(network, known, checkpoints[0]), draws, settings, features)
    finish(settings, folder, features)
    if (similar := load_similar(folder)) is not None:  # the planted taste leaves nothing to it
        np.savez(folder / SIMILAR, **similar[0]._replace(strength=0.5)._asdict())
    seal(folder)
    return network


def renamed(models, folder, name):
    """Copy a model, with the outside ids ``name`` of what were whole numbers."""
    shutil.copytree(models, folder, dirs_exist_ok=True)
    for table, key in (("users", "user_id"), ("items", "item_id"), ("titles", "item_id")):
        rows = pq.read_table(folder / f"{table}.parquet")
        ids = pa.array([None, *map(name, rows[key].to_pylist()[1:])])
        rows = rows.set_column(rows.column_names.index(key), key, ids)
        pq.write_table(rows, folder / f"{table}.parquet")
    seal(folder)
    return folder
