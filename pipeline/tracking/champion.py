"""The registered model: each version is significantly better than the one before.

Each source of ratings has its own, and the alias ``champion`` is on the newest version:
``models:/anime-ratings-SOURCE@champion``.
"""

import contextlib
import hashlib
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from filelock import FileLock
from omegaconf import OmegaConf

from pipeline.evaluation.metrics import Bootstrap, difference
from pipeline.files import ends
from pipeline.paths import home
from pipeline.tracking import store

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "champion"
PREDICTIONS = "test_predictions.parquet"  # run artifact that the next challenger is compared with
ROWS, VERDICT = "test_rows", "champion"  # run tags: digest of the test ratings, the verdict
VERSIONS = "mlflow.modelVersions"  # tag by which MLflow's UI shows the versions of a model


def enter(tested: pd.DataFrame) -> None:
    """Log to the open run what it takes to challenge the champion; in a local store, do so.

    Args:
        tested: user, rating and prediction of all test rows.
    """
    import mlflow

    rows = hashlib.sha256(tested.rating.to_numpy().tobytes()).hexdigest()[:12]
    mlflow.set_tag(ROWS, rows)
    with tempfile.TemporaryDirectory() as folder:
        tested.to_parquet(Path(folder) / PREDICTIONS, index=False)
        mlflow.log_artifact(str(Path(folder) / PREDICTIONS))
    if not store.remote():  # to a server it is sent later
        challenge(mlflow.MlflowClient(), mlflow.active_run().info.run_id)


def challenge(client: "MlflowClient", run_id: str) -> None:
    """Register the model of a run as champion if it is significantly better than the present one.

    That is, on the same test rows, the 95 % interval of the paired difference of squared errors,
    from a bootstrap over users, is below 0. The run's tag ``champion`` states the verdict. A run
    without a model, or that did not ``enter``, challenges nobody.

    Args:
        client: client of the store.
        run_id: id of the run there.
    """
    from mlflow.exceptions import MlflowException

    run = client.get_run(run_id)
    if ROWS not in run.data.tags or not run.outputs.model_outputs:
        return
    config = OmegaConf.load(io.BytesIO(_artifact(client, run_id, "config.yaml")))
    name = f"anime-ratings-{config.dataset.source}"
    with FileLock(home() / "mlflow.db.lock"):  # jobs of a sweep may end at the same time
        try:
            present = client.get_model_version_by_alias(name, ALIAS)
        except MlflowException:
            present = None
        better, verdict = True, "the first"
        if present:
            bootstrap = Bootstrap(config.evaluate.bootstrap, config.evaluate.seed)
            better, verdict = _compare(client, client.get_run(present.run_id), run, bootstrap)
            verdict = f"{verdict} version {present.version}"
        if better:
            version = _register(client, name, run)
            client.set_registered_model_alias(name, ALIAS, version)
            verdict = f"became version {version}: {verdict}"
        client.set_tag(run_id, VERDICT, verdict)


def _register(client: "MlflowClient", name: str, run: Any) -> str:
    """Register the model of a run; return the version, that of an earlier attempt if there is."""
    from mlflow.exceptions import MlflowException

    if earlier := client.search_model_versions(f"name = '{name}' and run_id = '{run.info.run_id}'"):
        return str(earlier[0].version)
    with contextlib.suppress(MlflowException):  # it exists
        client.create_registered_model(name)
    model = run.outputs.model_outputs[-1].model_id
    made = client.create_model_version(name, f"models:/{model}", model_id=model)
    link = json.dumps([{"name": name, "version": made.version}])
    client.set_logged_model_tags(model, {VERSIONS: link})
    return str(made.version)


def _compare(
    client: "MlflowClient", present: Any, run: Any, bootstrap: Bootstrap
) -> tuple[bool, str]:
    """Compare a challenger with the run of the present champion.

    Args:
        client: client of the store.
        present: run of the champion.
        run: run of the challenger.
        bootstrap: for the interval.

    Returns:
        Whether the challenger is significantly better, and the verdict up to the version.
    """
    if present.data.tags.get(ROWS) != run.data.tags[ROWS]:
        return False, "not compared: other test ratings than"
    tested, champion = (
        pd.read_parquet(io.BytesIO(_artifact(client, one.info.run_id, PREDICTIONS)))
        for one in (run, present)
    )
    ours, theirs = (((t.prediction - t.rating) ** 2).to_numpy() for t in (tested, champion))
    paired = difference(ours, theirs, tested.user.to_numpy(), bootstrap)
    interval = ends(paired["difference_ci95"], "{:+.4f}")
    relation = "better than" if paired["better"] else "not significantly better than"
    by = f"MSE {paired['difference']:+.4f} ({interval})"
    return paired["better"], f"{by}, {relation}"


def _artifact(client: "MlflowClient", run_id: str, name: str) -> bytes:
    """Return the contents of an artifact of a run."""
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, name, folder)).read_bytes()
