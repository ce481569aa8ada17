"""Make the best job of a sweep an experiment of its own.

    python -m pipeline.promote NAME [--run RUN_ID]

writes conf/experiment/NAME.yaml from the overrides of the best job of the newest sweep, or of the
sweep or job RUN_ID, and params.yaml with it: the next ``dvc repro`` gives that job's figures.
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

EXPERIMENTS = ROOT / "conf" / "experiment"


def chosen(run_id: str | None) -> Any:
    """Find the best job of a sweep: of the newest one, or of the sweep or job ``run_id``.

    Raises:
        UserError: there is none.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    runs.connect()
    if run_id is None:
        sweeps = mlflow.search_runs(
            filter_string="tags.sweep != ''", output_format="list", max_results=1
        )
        if not sweeps:
            raise UserError("no sweep is in MLflow yet; `python -m pipeline.sweep` makes one.")
        run_id = sweeps[0].info.run_id
    try:
        run = mlflow.get_run(run_id)
    except MlflowException as error:
        raise UserError(f"--run {run_id}: no such run; MLflow's UI shows their ids.") from error
    if "overrides" in run.data.tags:
        return run
    jobs = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{run_id}' and metrics.test_mse >= 0",
        order_by=[f"metrics.{runs.BEST}"], output_format="list", max_results=1,
    )  # fmt: skip
    if not jobs:
        raise UserError(f"run {run_id} is no sweep with a finished job, and no job of one.")
    return jobs[0]


def experiment(overrides: list[str], sentence: str) -> str:
    """Write overrides of the command line as a file of conf/experiment.

    A choice of a group goes to the defaults list, a value to its section.
    """
    defaults: list[Any] = []
    values: dict[str, Any] = {}
    for override in overrides:
        name, value = override.lstrip("+").split("=", 1)
        if name == "sweep":  # which jobs there are, and nothing that a job is
            continue
        if name == "experiment":
            defaults.insert(0, value)  # overrides of groups come last
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
    """Write the two files."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("name", help="of the experiment")
    parser.add_argument("--run", help="id of a sweep's or a job's run; default: the newest sweep")
    options = parser.parse_args()
    path = EXPERIMENTS / f"{options.name}.yaml"
    if not re.fullmatch(r"[\w-]+", options.name):
        raise UserError(f"{options.name}: letters, digits, - and _ make a name.")
    if path.exists():
        raise UserError(f"{path} exists; choose another name, or remove it.")
    run = chosen(options.run)
    overrides = json.loads(run.data.tags["overrides"])
    mse = run.data.metrics["test_mse"]
    replace_text(path, experiment(overrides, f"Run {run.info.run_id}: test MSE {mse:.4f}."))
    text = compose([f"experiment={options.name}"])
    check(OmegaConf.create(text))
    replace_text(PARAMS, text)
    print(f"{path.relative_to(ROOT)} and params.yaml written; `dvc repro` runs it.")


if __name__ == "__main__":
    exit_on_user_error(main)
