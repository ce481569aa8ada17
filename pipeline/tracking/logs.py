"""What a run in MLflow is told on its way: curves, the model, what evaluate found.

MLflow takes seconds to import, so it is imported where it is used.
"""

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.paths import ROOT
from pipeline.settings.sections import Config
from pipeline.tracking.runs import SWEEP_PRUNER, describe
from pipeline.tracking.views import NOTE

SERVING = ["mlflow", "numpy", "pandas", "pyarrow", "rapidfuzz", "scipy", "threadpoolctl"]


def log_epoch(point: Mapping[str, float]) -> None:
    """Log train_mse and valid_mse of one epoch, at the epoch as the step."""
    import mlflow

    step = int(point["epoch"])
    mlflow.log_metrics({n: value for n, value in point.items() if n != "epoch"}, step=step)
    _judge("valid_mse", step, point["valid_mse"])


def log_draws(sweep: int, mse: float) -> None:
    """Log the validation MSE of the mean of the posterior draws so far, by sweep."""
    import mlflow

    mlflow.log_metrics({"draws_valid_mse": mse}, step=sweep)
    print(f"sweep {sweep}: validation MSE of the mean of the draws {mse:.4f}", flush=True)
    _judge("draws_valid_mse", sweep, mse)


def _judge(curve: str, step: int, value: float) -> None:
    if SWEEP_PRUNER in os.environ:
        from pipeline.sweeps import pruning

        pruning.judge(curve, step, value)


def log_best(best: Mapping[str, float]) -> None:
    """Log the figures of the epoch whose weights are kept."""
    import mlflow

    mlflow.log_metrics({f"best_{name}": value for name, value in best.items()})


def log_model(folder: Path) -> None:
    """Store a models folder with the run, ready for ``mlflow models serve`` and ``load_model``."""
    import mlflow
    import pandas as pd
    import pyarrow.parquet as pq

    from pipeline.recommender.serving import SIGNATURE

    titles = pq.read_table(folder / "titles.parquet", columns=["item_id"])["item_id"].to_pylist()
    ratings = [{"anime_id": title, "rating": 9.0} for title in titles[1:4]]
    code = ROOT / "pipeline"
    mlflow.pyfunc.log_model(
        name="model",
        python_model=str(code / "recommender" / "serving.py"),
        artifacts={"model": str(folder)},
        code_paths=[str(code)],
        input_example=(pd.DataFrame({"ratings": [ratings]}), {"k": 5}),
        signature=SIGNATURE,
        pip_requirements=[f"{name}=={version(name)}" for name in SERVING],
    )


def log_test(
    config: Config, figures: Mapping[str, Any], pictures: Mapping[str, Any], report: str
) -> None:
    """Log what evaluate found: figures (as test_mse, …), baselines, lists, pictures, the report."""
    import mlflow

    mlflow.set_tag(NOTE, describe(config, figures))
    lists = figures["ranking"]["catalogue"].get("model", {})
    mlflow.log_metrics(
        {f"test_{name}": figures[name] for name in figures["ci95"]}
        | {f"test_{name}_low": low for name, (low, _) in figures["ci95"].items()}
        | {f"test_{name}_high": high for name, (_, high) in figures["ci95"].items()}
        | {f"baseline_mse.{name}": peer["mse"] for name, peer in figures["baselines"].items()}
        | {f"list_{name}": value for name, value in lists.items() if isinstance(value, float)}
        | ({"noise_floor_mse": figures["noise_floor"]} if "noise_floor" in figures else {})
    )
    mlflow.log_dict(dict(figures), "evaluate.json")
    mlflow.log_text(report, "report.html")
    for name, picture in pictures.items():
        mlflow.log_figure(picture, f"plots/{name}.png")
