"""Stage train: fit Wide & Deep and draw its posterior; keep the best weights by validation MSE.

In: data/features. Out: models/trained (weights, settings and all tables that predictions need), the
learning curve and metrics/train.json. The stage opens a run in MLflow and tags it with the digest
of the model; evaluate finds the run by this tag and continues it.
"""

from dataclasses import asdict

import numpy as np
import pandas as pd

from pipeline.artifact.folder import WEIGHTS, model_digest, write_model
from pipeline.config import load
from pipeline.errors import run_stage
from pipeline.files import replace_csv, replace_json, replacing, rounded
from pipeline.paths import CHECKPOINT, FEATURES, METRICS, MODEL, PLOTS
from pipeline.recommender.scorer import Scorer
from pipeline.tables.entities import read_counts
from pipeline.tables.rows import read_rows
from pipeline.tracking import logs, runs
from pipeline.tracking.model import log_model


def main() -> dict[str, float]:
    """Run the stage on params.yaml; return the metrics of the best epoch, unrounded."""
    config = load()  # reports mistakes before the slow import of TensorFlow
    from pipeline.model import use_threads
    from pipeline.model.network.export import arrays
    from pipeline.model.network.fit import fit
    from pipeline.model.posterior.checkpoint import Checkpoint
    from pipeline.model.posterior.sampler import sample

    use_threads(config.train.threads)
    with runs.run(config):
        digests = {part: runs.digest(FEATURES / f"{part}.parquet") for part in ("train", "valid")}
        checkpoint = Checkpoint(CHECKPOINT, [digests, asdict(config)])
        network, points = fit(config, FEATURES, logs.log_epoch)
        draws = sample(config, FEATURES, logs.log_draws, checkpoint)
        best = dict(min(points, key=lambda point: point["valid_mse"]))
        with replacing(MODEL) as out:
            network.save_weights(out / WEIGHTS)
            write_model(out, arrays(network, *read_counts(FEATURES)), draws, config, FEATURES)
            valid, rating = read_rows(FEATURES, "valid")
            error = Scorer(out).predict(valid["user"], valid["item"]) - rating
            best["valid_mse"] = float(np.mean(error**2))
        logs.log_best(best)
        runs.tag_model(model_digest(MODEL))
        checkpoint.remove()
        log_model(MODEL)
    replace_csv(PLOTS / "learning_curve.csv", pd.DataFrame(points))
    replace_json(METRICS / "train.json", rounded({**best, "epochs": len(points)}))
    return best


if __name__ == "__main__":
    run_stage(main, __doc__)
