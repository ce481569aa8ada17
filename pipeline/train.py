"""Stage train: fit the model, keep its best weights by validation MSE.

In: data/features. Out: models/ (weights, settings and the tables that predictions need, so the
folder works on its own; and the id of the MLflow run, which evaluate goes on with), the learning
curve and metrics/train.json.
"""

from dataclasses import asdict

import numpy as np
import pandas as pd

from pipeline.config import load
from pipeline.errors import run_stage
from pipeline.files import replace_csv, replace_json, replacing
from pipeline.paths import CHECKPOINT, FEATURES, METRICS, MODELS, PLOTS
from pipeline.tables.rows import read_rows
from pipeline.tracking import logs, runs


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    from pipeline.model import use_threads
    from pipeline.model.network.fit import (
        fit,  # after the settings are checked: TensorFlow takes seconds
    )
    from pipeline.model.posterior.checkpoint import Checkpoint
    from pipeline.model.posterior.sampler import sample
    from pipeline.model.saved import Predictor, save

    use_threads(config.train.threads)
    with runs.run(config) as run:
        rows = {part: runs.digest(FEATURES / f"{part}.parquet") for part in ("train", "valid")}
        checkpoint = Checkpoint(CHECKPOINT, [rows, asdict(config)])
        network, points = fit(config, FEATURES, logs.log_epoch)
        kept = sample(config, FEATURES, logs.log_draws, checkpoint)
        best = dict(min(points, key=lambda point: point["valid_mse"]))
        with replacing(MODELS) as out:
            save(network, kept, config, FEATURES, out)
            (out / "run_id").write_text(run.info.run_id + "\n")
            valid, rating = read_rows(FEATURES, "valid")
            best["valid_mse"] = float(np.mean((Predictor(out).rows(valid) - rating) ** 2))
        logs.log_best(best)
        checkpoint.remove()
        logs.log_model(MODELS)
    replace_csv(PLOTS / "learning_curve.csv", pd.DataFrame(points))
    replace_json(METRICS / "train.json", {**best, "epochs": len(points)})


if __name__ == "__main__":
    run_stage(main, __doc__)
