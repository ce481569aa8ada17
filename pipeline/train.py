"""Stage train: fit the model, keep its best weights by validation MSE.

In: data/features. Out: models/ (weights, settings and the tables that predictions need, so the
folder works on its own; and the id of the MLflow run, which evaluate goes on with), the learning
curve and metrics/train.json.
"""

import shutil

import pandas as pd

from pipeline import tracking
from pipeline.config import load
from pipeline.errors import run_stage
from pipeline.tables import FEATURES, METRICS, MODELS, PLOTS, replace_csv, replace_json, replacing


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    from pipeline.model.fit import fit  # after the settings are checked: TensorFlow takes seconds
    from pipeline.model.saved import save

    with tracking.run(config) as run:
        model, points = fit(config, FEATURES, tracking.log_epoch)
        best = min(points, key=lambda point: point["valid_mse"])
        tracking.log_best(best)
        with replacing(MODELS) as out:
            save(model, config, out)
            for name in ("users", "items"):
                shutil.copyfile(FEATURES / f"{name}.parquet", out / f"{name}.parquet")
            (out / "run_id").write_text(run.info.run_id + "\n")
        tracking.log_model(MODELS)
    replace_csv(PLOTS / "learning_curve.csv", pd.DataFrame(points))
    replace_json(METRICS / "train.json", {**best, "epochs": len(points)})


if __name__ == "__main__":
    run_stage(main, __doc__)
