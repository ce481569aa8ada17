"""Stage train: fit Wide & Deep and draw its posterior; weigh both by validation MSE.

In: data/features. Out: models/trained (weights, settings and all tables that predictions need), the
learning curve and metrics/train.json. The stage opens a run in MLflow and tags it with the digest
of the model; evaluate finds the run by this tag and continues it.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.arrays import Array, Floats
from pipeline.artifact.draws import Kept
from pipeline.artifact.folder import model_digest, read_ratings, write_model
from pipeline.artifact.similar import save_similar
from pipeline.config import load
from pipeline.errors import run_stage
from pipeline.files import replace_csv, replace_json, replacing, rounded
from pipeline.paths import CHECKPOINT, FEATURES, METRICS, MODEL, PLOTS
from pipeline.recommender.factors import Factors
from pipeline.recommender.mixture import fit_shares
from pipeline.recommender.neighbours import fit_strength, residuals
from pipeline.recommender.network import Network
from pipeline.recommender.scorer import Scorer
from pipeline.settings.sections import Config
from pipeline.tables.rows import read_pairs
from pipeline.tracking import logs, runs
from pipeline.tracking.model import log_model


def main() -> dict[str, float]:
    """Run the stage on params.yaml; return the metrics of the last epoch, unrounded."""
    config = load()  # reports mistakes before the slow import of TensorFlow
    from pipeline.model import use_threads
    from pipeline.model.checkpoint import Checkpoint
    from pipeline.model.network.export import exported
    from pipeline.model.network.fit import fit
    from pipeline.model.posterior.sampler import sample

    use_threads(config.train.threads)
    with runs.run(config):
        digests = {part: runs.digest(FEATURES / f"{part}.parquet") for part in ("train", "valid")}
        identity = [digests, asdict(config)]
        epochs, sweeps = (Checkpoint(CHECKPOINT / part, identity) for part in ("network", "draws"))
        trained, known, points = fit(config, FEATURES, logs.log_epoch, epochs)
        network = exported(trained, known)
        kept = sample(config, FEATURES, logs.log_draws, sweeps)
        valid = read_pairs(FEATURES, "valid")
        shares = mixed(config, network, kept, valid) if kept else {}
        draws = (kept, {"shares": of_draws(kept, shares)}) if kept else None
        best = dict(points[-1])
        with replacing(MODEL) as out:
            write_model(out, network, draws, config, FEATURES)
            best["valid_mse"], strength = remembered(config, out, valid)
        logs.log_best(best)
        logs.log_strength(strength)
        best |= {f"share_{name}": share for name, share in shares.items()}
        best["neighbours_strength"] = strength
        runs.tag_model(model_digest(MODEL))
        for checkpoint in (epochs, sweeps):
            checkpoint.remove()
        log_model(MODEL)
    replace_csv(PLOTS / "learning_curve.csv", pd.DataFrame(points))
    replace_json(METRICS / "train.json", rounded({**best, "epochs": len(points)}))
    return best


def mixed(
    config: Config,
    network: tuple[Kept, dict[str, Array]],
    kept: Kept,
    valid: tuple[dict[str, Array], Floats],
) -> dict[str, float]:
    """Fit how much the network and each member count in a prediction; return it by name."""
    assert config.posterior is not None
    names = config.posterior.members
    scale = config.dataset.min_rating, config.dataset.max_rating
    pairs, rating = valid
    parts = Network(*network, scale[0]), Factors(kept, scale[0])
    fitted = fit_shares(*parts, len(names), scale, (pairs["user"], pairs["item"]), rating)
    shares = dict(zip(["network", *names], fitted.tolist(), strict=True))
    logs.log_shares(shares)
    return shares


def remembered(
    config: Config, out: Path, valid: tuple[dict[str, Array], Floats]
) -> tuple[float, float]:
    """Add to the model what it misses in ratings of similar titles.

    The validation rows decide how strongly similar titles count. Afterwards their own residuals
    are evidence too, for other titles of the same user.

    Returns:
        The model's validation MSE before that, and the strength; 0 without similar titles.
    """
    from pipeline.model.inputs.similar import similar_titles

    scorer, (pairs, rating) = Scorer(out), valid
    most, strength = config.model.wide.neighbours if config.model.wide else 0, 0.0
    if most:
        user, item, known = read_ratings(out, "user", "item", "rating")
        residual = residuals(known, scorer.predict(user, item))
        held = np.isin(user * 2.0**32 + item, pairs["user"] * 2.0**32 + pairs["item"])
        similar = similar_titles(user[~held], item[~held], most)
        trained = [column[~held] for column in (user, item, residual)]
        shift = scorer.add(similar, trained).shift_pairs(user[held], item[held, None])[:, 0]
        strength = fit_strength(shift, residual[held])
        similar = similar._replace(strength=np.array(strength, np.float32))
        save_similar(out, similar, residual)
        scorer.add(similar, trained)
    error = scorer.predict(pairs["user"], pairs["item"]) - rating
    return float(np.mean(error**2)), strength


def of_draws(kept: Kept, shares: dict[str, float]) -> Array:
    """Divide the shares of the members equally among their draws: float32 [draws]."""
    of_members = list(shares.values())[1:]  # the first is the network's
    draws = len(kept.draws) // len(of_members)
    return np.repeat(np.array(of_members, np.float32) / draws, draws)


if __name__ == "__main__":
    run_stage(main, __doc__)
