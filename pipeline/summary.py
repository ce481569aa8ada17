"""What ``make repro`` closes with: the figures, and where everything is."""

import json

from rich.console import Console
from rich.table import Table

from pipeline.config import load
from pipeline.errors import UserError, exit_on_user_error
from pipeline.tables import METRICS


def main() -> None:
    """Print the figures of metrics/evaluate.json as a table."""
    path, config = METRICS / "evaluate.json", load()
    if not path.exists():
        raise UserError(f"{path}: no figures yet; `dvc repro` makes them.")
    figures = json.loads(path.read_text(encoding="utf-8"))
    low, high = figures["mse_ci95"]
    table = Table(title=f"{figures['n']:,} test ratings of {config.dataset.source}")
    for column in ("", "MSE", "RMSE", "95 % interval of the MSE"):
        table.add_column(column, justify="left" if column == "" else "right")
    mse = {config.model.name: figures["mse"], **figures["baselines"]}
    for name, value in mse.items():
        bounds = f"{low:.4f} to {high:.4f}" if name == config.model.name else ""
        table.add_row(name.replace("_", " "), f"{value:.4f}", f"{value**0.5:.4f}", bounds)
    console = Console()
    console.print(table)
    console.print("model: models/   metrics: metrics/   plots: dvc plots show   runs: make ui")


if __name__ == "__main__":
    exit_on_user_error(main)
