"""Logging to the open run: learning curves, the best epoch, results of evaluate.

MLflow takes seconds to import, so functions import it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.settings.sections import Config
from pipeline.tracking.runs import describe
from pipeline.tracking.views import NOTE

# Functions called with each point of a validation curve: name of the metric, step (epoch or sweep),
# MSE. Hooks, as tracking must not import sweeps, whose pruner stops unpromising jobs here.
watchers: list[Callable[[str, int, float], None]] = []


def log_epoch(point: Mapping[str, float]) -> None:
    """Log train_mse and valid_mse of one epoch; the step is the epoch."""
    import mlflow

    step = int(point["epoch"])
    mlflow.log_metrics({n: value for n, value in point.items() if n != "epoch"}, step=step)
    _watch("valid_mse", step, point["valid_mse"])


def log_draws(sweep: int, mse: float) -> None:
    """Log the validation MSE of the mean over the posterior draws so far; the step is the sweep."""
    import mlflow

    mlflow.log_metrics({"draws_valid_mse": mse}, step=sweep)
    print(f"sweep {sweep}: validation MSE of the mean of the draws {mse:.4f}", flush=True)
    _watch("draws_valid_mse", sweep, mse)


def _watch(curve: str, step: int, value: float) -> None:
    for watcher in watchers:
        watcher(curve, step, value)


def log_best(best: Mapping[str, float]) -> None:
    """Log the figures of the stored model: those of the last epoch, and of the whole."""
    import mlflow

    mlflow.log_metrics({f"best_{name}": value for name, value in best.items()})


def log_shares(shares: Mapping[str, float]) -> None:
    """Log how much the network and each posterior member count in a prediction."""
    import mlflow

    mlflow.log_metrics({f"share.{name}": share for name, share in shares.items()})
    print("shares: " + ", ".join(f"{name} {share:.2f}" for name, share in shares.items()))


def log_strength(strength: float) -> None:
    """Log how strongly the ratings of similar titles count."""
    import mlflow

    mlflow.log_metrics({"neighbours_strength": strength})
    print(f"similar titles: strength {strength:.2f}")


def log_lists(gain_power: float, raters_power: float, ndcg: float) -> None:
    """Log how lists are ordered, and their NDCG on the validation rows."""
    import mlflow

    powers = {"list_gain_power": gain_power, "list_raters_power": raters_power}
    mlflow.log_metrics({"valid_list_ndcg": ndcg, **powers})
    print(f"lists: NDCG {ndcg:.4f} on the validation rows")


def log_test(
    config: Config, figures: Mapping[str, Any], pngs: Mapping[str, bytes], report: str
) -> None:
    """Log the results of evaluate: test_mse, …, baselines, ranking metrics, pictures, the report.

    Args:
        config: all settings.
        figures: contents of metrics/evaluate.json.
        pngs: PNG of each picture, by name.
        report: HTML of the report.
    """
    import mlflow

    mlflow.set_tag(NOTE, describe(config, figures))
    lists = figures["ranking"]["catalogue"]
    ours, rivals = lists.get("model", {}), {n: v for n, v in lists.items() if n != "model"}
    logged = (
        {f"test_{name}": figures[name] for name in figures["ci95"]}
        | {f"test_{name}_low": low for name, (low, _) in figures["ci95"].items()}
        | {f"test_{name}_high": high for name, (_, high) in figures["ci95"].items()}
        | {f"baseline_mse.{name}": values["mse"] for name, values in figures["baselines"].items()}
        | {f"list_{name}": value for name, value in ours.items() if isinstance(value, float)}
        | {f"interval_{name}": figures["interval"][name] for name in ("held", "width")}
        | {f"list_ndcg.{name}": values["ndcg"] for name, values in rivals.items()}
        | ({"noise_floor_mse": figures["noise_floor"]} if "noise_floor" in figures else {})
    )
    mlflow.log_metrics({name: value for name, value in logged.items() if value is not None})
    mlflow.log_dict(dict(figures), "evaluate.json")
    mlflow.log_text(report, "report.html")
    with TemporaryDirectory() as folder:
        for name, png in pngs.items():
            Path(folder, f"{name}.png").write_bytes(png)
        mlflow.log_artifacts(folder, "plots")
