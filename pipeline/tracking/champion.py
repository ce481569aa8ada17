"""The registered model: each version is a run that was better than the one before, surely so.

There is one for each source of ratings, and the alias ``champion`` is on its newest version:
``models:/anime-ratings-SOURCE@champion``.
"""

import contextlib
import hashlib
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from filelock import FileLock

from pipeline.evaluation.metrics import Bootstrap, difference
from pipeline.paths import home
from pipeline.settings.sections import Config

if TYPE_CHECKING:
    import mlflow

ALIAS = "champion"
PREDICTIONS = "test_predictions.parquet"  # artifact of a run
ROWS, VERDICT = "test_rows", "champion"  # tags of a run: what it was tested on, what became of it


def has_model(run_id: str) -> bool:
    """Say whether a model is stored with a run."""
    import mlflow

    return bool(mlflow.get_run(run_id).outputs.model_outputs)


def challenge(config: Config, run: "mlflow.ActiveRun", tested: pd.DataFrame) -> None:
    """Make the model of a run the champion if it errs less than the present one on the same rows.

    Less by more than chance: the 95 % interval of the difference of squared errors, paired, from a
    bootstrap over users, is below 0. The run's tag ``champion`` tells what became of it.

    Args:
        config: of the run.
        run: the run, with its model.
        tested: what ``evaluate`` returns of all test rows.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    client = mlflow.MlflowClient()
    rows = hashlib.sha256(tested.rating.to_numpy().tobytes()).hexdigest()[:12]
    mlflow.set_tag(ROWS, rows)
    with tempfile.TemporaryDirectory() as folder:
        tested.to_parquet(Path(folder) / PREDICTIONS, index=False)
        mlflow.log_artifact(str(Path(folder) / PREDICTIONS))
    name = f"anime-ratings-{config.dataset.source}"
    with FileLock(home() / "mlflow.db.lock"):  # jobs of a sweep may end at the same time
        try:
            present = client.get_model_version_by_alias(name, ALIAS)
        except MlflowException:
            present = None
        better, why = True, "the first"
        if present:
            better, why = _compare(config, client.get_run(present.run_id), rows, tested)
            why = f"{why} version {present.version}"
        if better:
            model = client.get_run(run.info.run_id).outputs.model_outputs[-1].model_id
            with contextlib.redirect_stderr(io.StringIO()):  # where MLflow tells of it
                version = mlflow.register_model(f"models:/{model}", name).version
            client.set_registered_model_alias(name, ALIAS, version)
            why = f"became version {version}: {why}"
        mlflow.set_tag(VERDICT, why)


def _compare(config: Config, other: Any, rows: str, tested: pd.DataFrame) -> tuple[bool, str]:
    """Tell whether ``tested`` has surely smaller errors than the run ``other``, and by how much."""
    import mlflow

    if other.data.tags.get(ROWS) != rows:
        return False, "not compared, as other ratings were the test of"
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(
            run_id=other.info.run_id, artifact_path=PREDICTIONS, dst_path=folder
        )
        theirs = pd.read_parquet(path)
    ours, others = (((t.prediction - t.rating) ** 2).to_numpy() for t in (tested, theirs))
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.evaluate.seed)
    found = difference(ours, others, tested.user.to_numpy(), bootstrap)
    low, high = found["difference_ci95"]
    relation = "better than" if found["better"] else "not surely better than"
    by = f"MSE {found['difference']:+.4f} ({low:+.4f} to {high:+.4f})"
    return found["better"], f"{by}, {relation}"
