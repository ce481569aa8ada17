"""Turn the best job of a sweep into an experiment in conf/experiment.

    python -m pipeline.promote NAME [--run RUN_ID]

takes the overrides of the best job of the newest sweep, or of the sweep or job RUN_ID, and writes
conf/experiment/NAME.yaml and params.yaml. The next ``dvc repro`` reproduces that job's figures.
"""

import argparse
import json
import re
from typing import Any

from omegaconf import OmegaConf

from pipeline.compose import compose
from pipeline.config import check
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import replace_text
from pipeline.paths import PARAMS, ROOT
from pipeline.tracking import runs
from pipeline.tracking.objective import TAG, named

EXPERIMENTS = ROOT / "conf" / "experiment"


def chosen(run_id: str | None) -> Any:
    """Return the run of the best job of a sweep.

    Args:
        run_id: id of a sweep's run, or of the job itself; None for the newest sweep.

    Raises:
        UserError: there is no such run, or no job of the sweep has finished.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    runs.connect()
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

    Choices of groups go to the defaults list, values to their sections.

    Args:
        overrides: Hydra overrides of a job.
        sentence: comment at the top of the file.
    """
    defaults: list[Any] = []
    values: dict[str, Any] = {}
    for override in overrides:
        name, value = override.lstrip("+").split("=", 1)
        if name == "sweep":  # it chooses the jobs of the sweep, not the settings of a job
            continue
        if name == "experiment":
            defaults.insert(0, value)  # Hydra wants overrides of groups last
        elif (ROOT / "conf" / name).is_dir():
            defaults.append({f"override /{name}": value})
        else:
            OmegaConf.update(
                tree := OmegaConf.create(values), name, OmegaConf.create(f"x: {value}").x
            )
            values = OmegaConf.to_container(tree)  # type: ignore[assignment]
    parts = ({"defaults": [*defaults, "_self_"]} if defaults else {}) | values
    return f"# @package _global_\n# {sentence}\n{OmegaConf.to_yaml(OmegaConf.create(parts))}"


def main() -> None:
    """Write conf/experiment/NAME.yaml and params.yaml."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("name", help="name of the new experiment")
    parser.add_argument("--run", help="MLflow id of a sweep or job; default: the newest sweep")
    options = parser.parse_args()
    path = EXPERIMENTS / f"{options.name}.yaml"
    if not re.fullmatch(r"[\w-]+", options.name):
        raise UserError(f"{options.name}: a name consists of letters, digits, - and _.")
    if path.exists():
        raise UserError(f"{path} exists; choose another name, or remove it.")
    run = chosen(options.run)
    overrides = json.loads(run.data.tags["overrides"])
    mse = run.data.metrics["test_mse"]
    replace_text(path, experiment(overrides, f"Run {run.info.run_id}: test MSE {mse:.4f}."))
    text = compose([f"experiment={options.name}"])
    check(OmegaConf.create(text))
    replace_text(PARAMS, text)
    print(f"wrote {path.relative_to(ROOT)} and params.yaml; `dvc repro` runs the experiment.")


if __name__ == "__main__":
    exit_on_user_error(main)
