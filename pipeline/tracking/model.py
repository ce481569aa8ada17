"""Log the model to its run, for ``mlflow models serve`` and ``mlflow.pyfunc.load_model``.

MLflow takes seconds to import, so functions import it.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.artifact.folder import read_settings
from pipeline.paths import ROOT

REQUIREMENTS = ["mlflow", "numpy", "pandas", "pyarrow", "rapidfuzz", "scipy", "threadpoolctl"]


def example(folder: Path) -> list[dict[str, Any]]:
    """Return a list that the model in a folder can answer: titles with the best rating there is."""
    import pyarrow.parquet as pq

    titles = pq.read_table(folder / "titles.parquet", columns=["item_id"])["item_id"].to_pylist()
    best = float(read_settings(folder)["max_rating"])
    return [{"anime_id": title, "rating": best} for title in titles[1:4]]


def log_model(folder: Path) -> None:
    """Log a model folder to the open run, with the code that serves it."""
    import mlflow
    import pandas as pd

    from pipeline.recommender.signature import signature

    code = ROOT / "pipeline"
    mlflow.pyfunc.log_model(
        name="model",
        python_model=str(code / "recommender" / "serving.py"),
        artifacts={"model": str(folder)},
        code_paths=[str(code)],
        input_example=(pd.DataFrame({"ratings": [example(folder)]}), {"k": 5}),
        signature=signature(folder),
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
    )
