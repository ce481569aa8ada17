"""What the wide and the deep part give, each alone and both together, over several seeds.

``python -m benchmarks.parts`` fits all three models with each seed to the training rows of the real
ratings and compares their errors on the test rows. It writes benchmarks/results/parts.json and from
that the table of the README (``--readme``: only the latter).
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import readme
from benchmarks.accuracy import DATASETS, REAL_DATA, fit_ours, overrides, prepare, present
from benchmarks.process import machine, measured
from pipeline.errors import exit_on_user_error
from pipeline.tables import FEATURES, replace_json

DATASET = "mal_real"
MODELS = ("wide", "deep", "wide_deep")
STUDENT = 2.776  # 97.5 % quantile of Student's t with 4 degrees of freedom
SEEDS = 5


def over_seeds(work: Path, settings: list[str]) -> dict[str, Any]:
    """Fit and score all models with all seeds."""
    from benchmarks.score import RESAMPLES, SEED
    from pipeline.metrics import interval
    from pipeline.rows import read_rows

    rows, rating = read_rows(work / FEATURES, "test")
    squared: dict[str, list[Any]] = {name: [] for name in MODELS}
    for seed in range(SEEDS):
        for name in MODELS:
            measured("pipeline.compose", *settings, f"model={name}", f"train.seed={seed}", cwd=work)
            took = fit_ours(work, work / "predictions.npy")
            squared[name].append((np.load(work / "predictions.npy") - rating) ** 2)
            print(f"{name:<10}seed {seed} {took['fit_seconds']:7.1f} s "
                  f"{squared[name][-1].mean():.4f}", flush=True)  # fmt: skip
    both, found = np.mean(squared["wide_deep"], 0), {}
    for name, of in squared.items():
        mses = np.array([one.mean() for one in of])
        low, high = interval(both - np.mean(of, 0), rows["user"], RESAMPLES, SEED)
        found[name] = {
            "mse": mses.tolist(),
            "mean": float(mses.mean()),
            "half_width": float(STUDENT * mses.std(ddof=1) / SEEDS**0.5),
            "difference": float((both - np.mean(of, 0)).mean()),
            "difference_ci95": [low, high],
        }
    return {"n": len(rating), "models": found}


def table(results: dict[str, Any]) -> str:
    """Write the MSEs as a Markdown table."""
    lines = [["", "test MSE, mean of 5 seeds, 95 % interval", "both less it, 95 % interval"]]
    for name, found in results["models"].items():
        low, high = found["difference_ci95"]
        apart = f"{found['difference']:.4f}, {low:.4f} to {high:.4f}" if low < high else ""
        mean = f"{found['mean']:.4f} ± {found['half_width']:.4f}"
        lines.append([f"`model={name}`", mean, apart])
    return (
        f"{readme.markdown(lines)}\n\n{results['n']:,} test ratings. The first interval is over "
        f"seeds, the second over users. {readme.machine(results['machine'])}"
    )


def main() -> None:
    """Fit, compare, write the results, rewrite the README."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=REAL_DATA, help="folder of the real data sets")
    parser.add_argument("--readme", action="store_true", help="only rewrite the README's table")
    options = parser.parse_args()
    if not options.readme:
        data = options.data.absolute()
        present([DATASET], data)
        with tempfile.TemporaryDirectory(prefix="parts-") as name:
            prepare(Path(name), DATASETS[DATASET], data)
            found = over_seeds(Path(name), overrides(DATASETS[DATASET], data))
        replace_json(readme.results("parts"), {"machine": machine()} | found)
    readme.rewrite("parts", table)


if __name__ == "__main__":
    exit_on_user_error(main)
