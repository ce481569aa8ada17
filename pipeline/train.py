"""Stage train: fit Wide & Deep and draw its posterior; weigh both by validation MSE.

In: data/features. Out: models/trained (weights, settings and all tables that predictions need), the
learning curve and metrics/train.json. The stage opens a run in MLflow and tags it with the digest
of the model; evaluate finds the run by this tag and continues it.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.arrays import Array, Floats
from pipeline.artifact.draws import Kept
from pipeline.artifact.folder import model_digest, read_ratings, write_model
from pipeline.artifact.intervals import save_intervals
from pipeline.artifact.scale import training_scale
from pipeline.artifact.similar import save_similar
from pipeline.artifact.watch import NO_CROSSES, Join, save_join, save_watch
from pipeline.config import load
from pipeline.files import inputs, replace_csv, replace_json, replacing, rounded, seals
from pipeline.files.stage import run_stage
from pipeline.paths import CHECKPOINT, FEATURES, METRICS, MODEL, PLOTS
from pipeline.recommender.factors import Factors
from pipeline.recommender.interval_fit import fit_intervals
from pipeline.recommender.joining import fit_join
from pipeline.recommender.lists import indicator, load_lists
from pipeline.recommender.mixture import fit_shares
from pipeline.recommender.neighbours import fit_strength, residuals
from pipeline.recommender.network import Network
from pipeline.recommender.scorer import Scorer
from pipeline.settings.cluster import helps, this_task
from pipeline.settings.sections import Config
from pipeline.tables.rows import read_listed, read_pairs
from pipeline.tracking import logs, runs
from pipeline.tracking.model import log_model

if TYPE_CHECKING:
    from pipeline.model.checkpoint import Checkpoint
    from pipeline.model.inputs.together import Together
    from pipeline.model.workers import Workers


LEARNED = ("train", "valid", "watched")  # tables whose change makes another model


def main() -> dict[str, float]:
    """Run the stage on params.yaml, as the only worker or as one of several.

    Returns:
        The metrics of the last epoch, unrounded; nothing if this is not the first worker.
    """
    config = load()  # reports mistakes before the slow import of TensorFlow
    task = this_task(config.train.strategy)
    inputs(FEATURES)
    from pipeline.model import use_threads
    from pipeline.model.workers import joined

    use_threads(config.train.threads)
    with joined(task) as workers, threadpool_limits(1):  # shared among threads, sums would differ
        if workers.chief:
            with runs.run(config):
                best, points = tracked(config, workers)
            replace_csv(PLOTS / "learning_curve.csv", pd.DataFrame(points))
            replace_json(METRICS / "train.json", rounded({**best, "epochs": len(points)}))
        else:
            best = {}
            learned(config, workers, lambda _: None, lambda *_: None)
        workers.leave()
    return best


def learned(
    config: Config, workers: "Workers", epoch: Callable[[Any], None], sweep: Callable[..., None]
) -> "tuple[Any, Kept | None, list[Any], list[Checkpoint]]":
    """Fit the network and draw from the posterior, together with the other workers.

    Args:
        config: all settings.
        workers: the workers.
        epoch, sweep: called with points of the two learning curves.

    Returns:
        The network and the draws, for the first worker; the learning curve; and the checkpoints.
    """
    from pipeline.model.checkpoint import Checkpoint
    from pipeline.model.network.export import exported
    from pipeline.model.network.fit import fit
    from pipeline.model.posterior.sampler import sample

    digests = {name: seals.digest(FEATURES / f"{name}.parquet") for name in LEARNED}
    identity = [digests, asdict(config)]
    kept = [Checkpoint(CHECKPOINT / part, identity, workers) for part in ("network", "draws")]
    model, known, points = fit(config, FEATURES, epoch, kept[0])
    network = exported(model, known, kept[0])
    del model, known  # the chains need their memory
    return network, sample(config, FEATURES, sweep, kept[1]), points, kept


def tracked(config: Config, workers: "Workers") -> tuple[dict[str, float], list[Any]]:
    """Train and write the model, in the open run; return the figures and the learning curve."""
    network, kept, points, checkpoints = learned(config, workers, logs.log_epoch, logs.log_draws)
    valid = read_pairs(FEATURES, "valid")
    shares = mixed(config, network, kept, valid) if kept else {}
    draws = (kept, {"shares": of_draws(kept, shares)}) if kept else None
    best = dict(points[-1])
    with replacing(MODEL) as out:
        write_model(out, network, draws, config, FEATURES)
        del network, kept, draws  # what follows needs their memory
        best["valid_mse"], more = completed(config, out, valid)
    logs.log_best(best)
    best |= {f"share_{name}": share for name, share in shares.items()} | more
    runs.tag_model(model_digest(MODEL))
    for checkpoint in checkpoints:
        checkpoint.remove()
    log_model(MODEL)
    return best, points


def mixed(
    config: Config,
    network: tuple[Kept, dict[str, Array]],
    kept: Kept,
    valid: tuple[dict[str, Array], Floats],
) -> dict[str, float]:
    """Fit how much the network and each member count in a prediction; return it by name."""
    assert config.posterior is not None
    names = config.posterior.members
    scale = training_scale(config.dataset, FEATURES)
    pairs, rating = valid
    parts = Network(*network, scale), Factors(kept, scale)
    fitted = fit_shares(*parts, len(names), scale, (pairs["user"], pairs["item"]), rating)
    shares = dict(zip(["network", *names], fitted.tolist(), strict=True))
    logs.log_shares(shares)
    return shares


def completed(
    config: Config, out: Path, valid: tuple[dict[str, Array], Floats]
) -> tuple[float, dict[str, float]]:
    """Add to the model what follows the network and the draws.

    Returns:
        The validation MSE, and the other figures of the stage by name.
    """
    together = listed_together(config, FEATURES)
    scorer, mse, strength = remembered(config, out, valid, together)
    join, ndcg = ordered(config, out, valid, scorer, together)
    logs.log_strength(strength)
    logs.log_lists(join.gain_power, join.raters_power, ndcg)
    return mse, {"neighbours_strength": strength, "valid_list_ndcg": ndcg}


def listed_together(config: Config, features: Path) -> "Together | None":
    """Count who has both of two titles on their list, for the wide part; None without one."""
    from pipeline.model.inputs.together import count_together

    return count_together(*read_listed(features)) if config.model.wide else None


def remembered(
    config: Config,
    out: Path,
    valid: tuple[dict[str, Array], Floats],
    together: "Together | None",
) -> tuple[Scorer, float, float]:
    """Add to the model what it misses: in ratings of similar titles, and of users and titles.

    The validation rows decide how strongly similar titles count. Afterwards their own residuals
    are evidence too, for other titles of the same user.

    Returns:
        The model without the validation rows' own residuals, its validation MSE, and the strength;
        0 without similar titles.
    """
    from pipeline.model.inputs.similar import similar_titles

    scorer, (pairs, rating) = Scorer(out), valid
    most, strength = config.model.wide.neighbours if config.model.wide else 0, 0.0
    user, item, known = read_ratings(out, "user", "item", "rating")
    residual = residuals(known, scorer.predict(user, item))
    held = np.isin(user * 2.0**32 + item, pairs["user"] * 2.0**32 + pairs["item"])
    trained = [column[~held] for column in (user, item, residual)]
    if most and together:
        similar = similar_titles(together, most)
        shift = scorer.add(similar, trained).shift_pairs(user[held], item[held, None])[:, 0]
        strength = fit_strength(shift, residual[held])
        similar = similar._replace(strength=np.array(strength, np.float32))
        save_similar(out, similar, residual)
        scorer.add(similar, trained)
    error = scorer.predict(pairs["user"], pairs["item"]) - rating
    save_intervals(out, fit_intervals(scorer, trained, valid))
    return scorer, float(np.mean(error**2)), strength


def ordered(
    config: Config,
    out: Path,
    valid: tuple[dict[str, Array], Floats],
    scorer: Scorer,
    together: "Together | None",
    features: Path = FEATURES,
) -> tuple[Join, float]:
    """Add to the model who watches what, and fit how it orders lists to the validation rows.

    Args:
        config: the sections model and train.
        out: folder of the model.
        valid: the validation rows.
        scorer: the model without the validation rows' own residuals.
        together: the counts of people who have both of two titles; overwritten.
        features: folder of the feature tables.

    Returns:
        How lists are ordered, and their NDCG on the validation rows.
    """
    from pipeline.model.inputs.watch import watch_crosses

    wide = config.model.wide
    crosses = NO_CROSSES
    if wide and together:
        crosses = watch_crosses(together, wide.watch_l2, wide.watch_crosses)
    save_watch(out, crosses)
    save_join(out, Join())
    listed = indicator(read_listed(features), (scorer.n_users, scorer.n_titles))
    join, ndcg = fit_join(load_lists(out, scorer), listed, valid, config.train.seed)
    save_join(out, join)
    return join, ndcg


def of_draws(kept: Kept, shares: dict[str, float]) -> Array:
    """Divide the shares of the members equally among their draws: float32 [draws]."""
    of_members = list(shares.values())[1:]  # the first is the network's
    draws = len(kept.draws) // len(of_members)
    return np.repeat(np.array(of_members, np.float32) / draws, draws)


if __name__ == "__main__":
    run_stage(main, __doc__, helps=helps())
