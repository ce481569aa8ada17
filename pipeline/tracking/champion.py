"""The registered model: each version is significantly better than the one before.

Each source of ratings has its own, and the alias ``champion`` is on the newest version:
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
from pipeline.files import ends
from pipeline.paths import home
from pipeline.settings.sections import Config

if TYPE_CHECKING:
    import mlflow

ALIAS = "champion"
PREDICTIONS = "test_predictions.parquet"  # run artifact that the next challenger is compared with
ROWS, VERDICT = "test_rows", "champion"  # run tags: digest of the test ratings, the verdict


def has_model(run_id: str) -> bool:
    """Return whether a run has a logged model."""
    import mlflow

    return bool(mlflow.get_run(run_id).outputs.model_outputs)


def challenge(config: Config, run: "mlflow.ActiveRun", tested: pd.DataFrame) -> None:
    """Register the model of a run as champion if it is significantly better than the present one.

    That is, on the same test rows, the 95 % interval of the paired difference of squared errors,
    from a bootstrap over users, is below 0. The run's tag ``champion`` states the verdict.

    Args:
        config: settings of the run.
        run: the open run, which has a logged model.
        tested: user, rating and prediction of all test rows.
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
        better, verdict = True, "the first"
        if present:
            better, verdict = _compare(config, client.get_run(present.run_id), rows, tested)
            verdict = f"{verdict} version {present.version}"
        if better:
            model = client.get_run(run.info.run_id).outputs.model_outputs[-1].model_id
            with contextlib.redirect_stderr(io.StringIO()):  # MLflow's progress messages
                version = mlflow.register_model(f"models:/{model}", name).version
            client.set_registered_model_alias(name, ALIAS, version)
            verdict = f"became version {version}: {verdict}"
        mlflow.set_tag(VERDICT, verdict)


def _compare(config: Config, present: Any, rows: str, tested: pd.DataFrame) -> tuple[bool, str]:
    """Compare a challenger with the run of the present champion.

    Args:
        config: settings of the challenger.
        present: run of the champion.
        rows: digest of the test ratings of the challenger.
        tested: user, rating and prediction of all test rows of the challenger.

    Returns:
        Whether the challenger is significantly better, and the verdict up to the version.
    """
    import mlflow

    if present.data.tags.get(ROWS) != rows:
        return False, "not compared: other test ratings than"
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(
            run_id=present.info.run_id, artifact_path=PREDICTIONS, dst_path=folder
        )
        champion = pd.read_parquet(path)
    ours, theirs = (((t.prediction - t.rating) ** 2).to_numpy() for t in (tested, champion))
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.evaluate.seed)
    paired = difference(ours, theirs, tested.user.to_numpy(), bootstrap)
    interval = ends(paired["difference_ci95"], "{:+.4f}")
    relation = "better than" if paired["better"] else "not significantly better than"
    by = f"MSE {paired['difference']:+.4f} ({interval})"
    return paired["better"], f"{by}, {relation}"
