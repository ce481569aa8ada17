"""The tables of benchmarks.parts in docs/benchmarks.md."""

from collections.abc import Callable
from typing import Any

from benchmarks import readme

MODELS = ("wide", "deep", "wide_deep")
BOTH, WHOLE = "wide_deep", "all of them"
STUDENT = {2: 12.706, 5: 2.776}  # number of seeds: 97.5 % quantile of Student's t


def table(results: dict[str, Any]) -> str:
    """Format the MSE of each part, and the loss without each cross, as Markdown tables."""
    datasets = results["datasets"]
    titles = [dataset["title"] for dataset in datasets]

    def cells(study: str, name: str, write: Callable[[dict[str, Any]], str]) -> list[str]:
        found = [dataset.get(study, {}).get(name) for dataset in datasets]
        return ["" if figures is None else write(figures) for figures in found]

    lines = [["test MSE, mean of 5 seeds", *titles]]
    lines += [[f"`model={name}`", *cells("models", name, mean)] for name in MODELS]
    lines += [
        [f"`{name}` less `{BOTH}`", *cells("models", name, more)] for name in MODELS if name != BOTH
    ]
    if any("noise_floor" in dataset for dataset in datasets):
        floors = [f"{d['noise_floor']:.4f}" if "noise_floor" in d else "" for d in datasets]
        lines.append(["noise floor", *floors])
    crosses = dict.fromkeys(name for dataset in datasets for name in dataset.get("crosses", {}))
    left_out = [["MSE without the cross, less with all", *titles]]
    left_out += [
        [f"user x {name}", *cells("crosses", name, more)] for name in crosses if name != WHOLE
    ]
    return (
        f"{readme.markdown(lines)}\n\n{readme.markdown(left_out)}\n\n± is the 95 % interval over "
        "seeds, that of a difference is over users. All without posterior draws; the lower table "
        f"is of 2 seeds. {readme.machine(results['machine'])}"
    )


def mean(figures: dict[str, Any]) -> str:
    """Format the mean over seeds with its interval."""
    return f"{figures['mean']:.4f} ± {figures['half_width']:.4f}"


def more(figures: dict[str, Any]) -> str:
    """Format a difference with its interval."""
    low, high = figures["more_ci95"]
    return f"{figures['more']:+.4f}, {low:+.4f} to {high:+.4f}"
