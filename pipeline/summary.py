"""What ``make repro`` closes with: the figures, and where everything is."""

import json
import math
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from pipeline.errors import UserError, exit_on_user_error
from pipeline.evaluation.labels import NAMES
from pipeline.paths import METRICS, MODELS

if TYPE_CHECKING:
    import pandas as pd

WHERE = """\
model    models/, and with the run in MLflow
metrics  metrics/, dvc metrics show
plots    metrics/plots/, dvc plots show
report   metrics/report.html
runs     make ui"""


def print_jobs(jobs: "pd.DataFrame") -> None:
    """Print the jobs of a sweep, the best first."""
    table = Table(title=f"{len(jobs)} jobs, the best by validation MSE first")
    for name in jobs:
        table.add_column(str(name), justify="right", overflow="fold")
    for row in jobs.itertuples(index=False):
        table.add_row(*map(_cell, row))
    Console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "stopped" if math.isnan(value) else f"{value:.4f}"
    return str(value)


def main() -> None:
    """Print the figures of metrics/evaluate.json as a table."""
    path, settings = METRICS / "evaluate.json", MODELS / "settings.json"
    if not (path.exists() and settings.exists()):
        raise UserError(f"{path}: no figures yet; `dvc repro` makes them.")
    figures = json.loads(path.read_text(encoding="utf-8"))
    name = json.loads(settings.read_text(encoding="utf-8"))["model"]["name"]
    low, high = figures["ci95"]["mse"]
    table = Table(title=f"{figures['n']:,} test ratings")
    for column in ("", "MSE", "RMSE", "95 % interval of the MSE"):
        table.add_column(column, justify="left" if column == "" else "right")
    for baseline, peer in figures["baselines"].items():
        sampled = "" if peer["n"] == figures["n"] else f", {peer['n']:,} ratings"
        mse = peer["mse"]
        table.add_row(f"{NAMES[baseline]}{sampled}", f"{mse:.4f}", f"{mse**0.5:.4f}")
    mse, rmse = figures["mse"], figures["rmse"]
    table.add_row(name, f"{mse:.4f}", f"{rmse:.4f}", f"{low:.4f} to {high:.4f}")
    if "noise_floor" in figures:
        mse = figures["noise_floor"]
        table.add_row("noise floor", f"{mse:.4f}", f"{mse**0.5:.4f}")
    console = Console()
    console.print(table)
    console.print(WHERE)


if __name__ == "__main__":
    exit_on_user_error(main)
