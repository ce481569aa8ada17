"""Models small enough to train in a second."""

from omegaconf import OmegaConf

from pipeline.artifact.folder import WEIGHTS, write_model
from pipeline.compose import compose
from pipeline.config import check
from pipeline.tables.entities import read_counts


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
    """Train a small model into a folder; with draws unless ``posterior=none`` is given."""
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
