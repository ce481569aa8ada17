"""Print the figures of the model and its baselines, and where outputs are; ends ``make repro``."""

from rich.console import Console
from rich.table import Table

from pipeline.artifact.folder import SETTINGS
from pipeline.errors import UserError, exit_on_user_error
from pipeline.evaluation.labels import NAMES
from pipeline.files import ends, read_json
from pipeline.paths import METRICS, MODEL

WHERE = """\
model    models/trained/, and with the run in MLflow
metrics  metrics/, dvc metrics show
plots    metrics/plots/, dvc plots show
report   metrics/report.html
runs     make ui"""


def main() -> None:
    """Print the figures of metrics/evaluate.json as a table."""
    path, settings = METRICS / "evaluate.json", MODEL / SETTINGS
    if not (path.exists() and settings.exists()):
        raise UserError(f"{path}: no figures yet; `dvc repro` makes them.")
    figures, model = read_json(path), read_json(settings)["model"]
    name = "_".join(part for part in ("wide", "deep") if model[part])
    table = Table(title=f"{figures['n']:,} test ratings")
    for column in ("", "MSE", "RMSE", "95 % interval of the MSE"):
        table.add_column(column, justify="left" if column == "" else "right")
    for baseline, values in figures["baselines"].items():
        sampled = "" if values["n"] == figures["n"] else f", {values['n']:,} ratings"
        mse = values["mse"]
        table.add_row(f"{NAMES[baseline]}{sampled}", f"{mse:.4f}", f"{mse**0.5:.4f}")
    mse, rmse = figures["mse"], figures["rmse"]
    table.add_row(name, f"{mse:.4f}", f"{rmse:.4f}", ends(figures["ci95"]["mse"]))
    if "noise_floor" in figures:
        mse = figures["noise_floor"]
        table.add_row("noise floor", f"{mse:.4f}", f"{mse**0.5:.4f}")
    console = Console()
    console.print(table)
    console.print(WHERE)


if __name__ == "__main__":
    exit_on_user_error(main)
