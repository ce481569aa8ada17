"""Turn the best job of a sweep into an experiment in conf/experiment.

    python -m pipeline.promote NAME [--run RUN_ID]

takes the overrides of the best job of the newest sweep, or of the sweep or job RUN_ID, and writes
conf/experiment/NAME.yaml and params.yaml. The next ``dvc repro`` reproduces that job's figures.
"""

import argparse
import json
import re
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from pipeline.compose import compose
from pipeline.config import check
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import destination
from pipeline.paths import PARAMS, ROOT
from pipeline.settings.overrides import parsed
from pipeline.settings.sections import flat
from pipeline.tracking import connection
from pipeline.tracking.objective import TAG, named

EXPERIMENTS = ROOT / "conf" / "experiment"


@connection.told()
def chosen(run_id: str | None) -> Any:
    """Return the run of the best job of a sweep.

    Args:
        run_id: id of a sweep's run, or of the job itself; None for the newest sweep.

    Raises:
        UserError: there is no such run, or no job of the sweep has finished.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    connection.connect()
    if run_id is None:
        sweeps = mlflow.search_runs(
            filter_string="tags.sweep != ''", output_format="list", max_results=1
        )
        if not sweeps:
            raise UserError("no sweep is in MLflow yet; run `python -m pipeline.sweep` first.")
        run_id = sweeps[0].info.run_id
    try:
        run = mlflow.get_run(run_id)
    except MlflowException as error:
        raise UserError(f"--run {run_id}: no such run; `make ui` shows the ids.") from error
    if "overrides" in run.data.tags:
        if "test_mse" not in run.data.metrics:
            raise UserError(f"--run {run_id}: this job has no result; choose a finished one.")
        return run
    jobs = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{run_id}' and metrics.test_mse >= 0",
        order_by=[named(run.data.tags.get(TAG, "mse")).order], output_format="list", max_results=1,
    )  # fmt: skip
    if not jobs:
        raise UserError(f"--run {run_id}: neither a job nor a sweep with a finished job.")
    return jobs[0]


def experiment(overrides: list[str], sentence: str) -> str:
    """Return the text of a file in conf/experiment with these overrides.

    Choices of groups go to the defaults list, values to their sections. What is deleted becomes
    null, and ``posterior`` none.

    Args:
        overrides: Hydra overrides of a job.
        sentence: comment at the top of the file.
    """
    experiments: list[str] = []
    groups: dict[str, Any] = {}
    values = OmegaConf.create()
    for override in parsed(overrides):
        name, value = override.key_or_group, _value(override)
        if name == "sweep":  # it chooses the jobs of the sweep, not the settings of a job
            continue
        if name == "experiment":
            experiments = [value] if isinstance(value, str) else value or []
        elif (ROOT / "conf" / name).is_dir() and not isinstance(value, dict):
            groups[f"override /{name}"] = value
        else:
            OmegaConf.update(values, name, value, merge=True, force_add=True)
    defaults = [*experiments, *({group: choice} for group, choice in groups.items())]
    parts = {"defaults": [*defaults, "_self_"]} if defaults else {}  # Hydra wants overrides last
    text = OmegaConf.to_yaml(OmegaConf.merge(parts, values))
    return f"# @package _global_\n# {sentence}\n{text}"


def _value(override: Override) -> Any:
    """Return what an override sets its key to, text and numbers as Hydra reads them."""
    if override.is_delete():
        return "none" if override.key_or_group == "posterior" else None
    return override.value()


def reproducing(name: str, text: str, run: Any) -> str:
    """Compose params.yaml with a new experiment; it must give the settings of a job.

    Args:
        name: name of the experiment.
        text: its text, which is not in conf/ yet.
        run: MLflow run of the job.

    Raises:
        UserError: conf/ does not compose to these settings; the message names the first key.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "experiment").mkdir()
        (Path(folder) / "experiment" / f"{name}.yaml").write_text(text, encoding="utf-8")
        params = compose([f"experiment={name}"], Path(folder))
    found = flat(asdict(check(OmegaConf.create(params))))
    try:
        logged = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/config.yaml")
    except (MlflowException, OSError) as error:
        raise UserError(
            f"run {run.info.run_id}: its config.yaml is gone: {connection.reason(error)}"
        ) from error
    wanted = flat(OmegaConf.to_container(OmegaConf.create(logged)))  # type: ignore[arg-type]
    for key in sorted(found.keys() | wanted.keys()):
        if not key.startswith("dataset.watch.") and found.get(key) != wanted.get(key):
            raise UserError(
                f"{key} is {found.get(key)} by conf/ and the overrides of the job, and was "
                f"{wanted.get(key)} in the job: conf/ has changed since, or the sweep read another "
                f"folder. Nothing was written; run the sweep again, or `git checkout` its commit "
                f"{run.data.tags.get('git_commit', '')[:9]}."
            )
    return params


def main() -> None:
    """Write conf/experiment/NAME.yaml and params.yaml."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("name", help="name of the new experiment")
    parser.add_argument("--run", help="MLflow id of a sweep or job; default: the newest sweep")
    options = parser.parse_args()
    path = EXPERIMENTS / f"{options.name}.yaml"
    if not re.fullmatch(r"[A-Za-z_][\w-]*", options.name, re.ASCII):
        raise UserError(
            f"{options.name}: a name consists of letters, digits, - and _, a letter first."
        )
    if path.exists():
        raise UserError(f"{path} exists; choose another name, or remove it.")
    run = chosen(options.run)
    overrides = json.loads(run.data.tags["overrides"])
    mse = run.data.metrics["test_mse"]
    text = experiment(overrides, f"Run {run.info.run_id}: test MSE {mse:.4f}.")
    params = reproducing(options.name, text, run)
    with destination(path) as new, destination(PARAMS) as new_params:
        new.write_text(text, encoding="utf-8")
        new_params.write_text(params, encoding="utf-8")
    print(f"wrote {path.relative_to(ROOT)} and params.yaml; `dvc repro` runs the experiment.")


if __name__ == "__main__":
    exit_on_user_error(main)
