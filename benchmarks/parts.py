"""Ablation of the network: the wide part, the deep part and both; and without each cross.

``python -m benchmarks.parts`` fits the models with several seeds to the training rows of each data
set and compares their errors on the test rows.

The results go to benchmarks/results/parts.json, and from there to tables in docs/benchmarks.md;
``--readme`` only rewrites the document.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from benchmarks import arguments, readme
from benchmarks.accuracy import (
    DATASETS,
    USUAL,
    chosen,
    fit_ours,
    overrides,
    prepare,
    present,
)
from benchmarks.parts_table import BOTH, MODELS, STUDENT, WHOLE, table
from benchmarks.process import machine, measured
from pipeline.compose import compose
from pipeline.errors import exit_on_user_error
from pipeline.evaluate import noise_floor
from pipeline.files import replace_json
from pipeline.paths import FEATURES, METRICS

CLAIMED = ("mal_real", "ml-100k", "synthetic")
SEEDS = {"models": 5, "crosses": 2}
NETWORK = "posterior=none"


def models(_: Path) -> dict[str, list[str]]:
    """Return the names of the networks, with their overrides."""
    return {name: [f"model={name}", NETWORK] for name in MODELS}


def crosses(work: Path) -> dict[str, list[str]]:
    """Return overrides of the network, and of that without each cross, by the cross."""
    from pipeline.tables.entities import read_items

    codes = read_items(work / FEATURES / "items.parquet").codes
    settings = OmegaConf.create(compose([]))
    wide = OmegaConf.select(settings, "model.wide.crosses")
    found = {WHOLE: [NETWORK]}
    for cross in wide:
        if cross not in codes or codes[cross].max() > 0:  # the titles have this attribute
            rest = [name for name in wide if name != cross]
            found[cross] = [NETWORK, f"model.wide.crosses=[{','.join(rest)}]"]
    return found


STUDIES = {"models": (models, BOTH), "crosses": (crosses, WHOLE)}


def study(work: Path, settings: list[str], name: str) -> dict[str, Any]:
    """Fit and score all forms of the model with all seeds, compared with the reference form."""
    from benchmarks.score import BOOTSTRAP
    from pipeline.tables.rows import read_rows

    forms, reference = STUDIES[name][0](work), STUDIES[name][1]
    rows, rating = read_rows(work / FEATURES, "test")
    squared: dict[str, list[Any]] = {form: [] for form in forms}
    for seed in range(SEEDS[name]):
        for form, own in forms.items():
            measured("pipeline.compose", *settings, *own, f"train.seed={seed}", cwd=work)
            took = fit_ours(work, work / "predictions.npy")
            squared[form].append((np.load(work / "predictions.npy") - rating) ** 2)
            print(f"{form:<10}seed {seed} {took['fit_seconds']:7.1f} s "
                  f"{squared[form][-1].mean():.4f}", flush=True)  # fmt: skip
    base, found = np.mean(squared[reference], 0), {}
    for form, of in squared.items():
        mses = np.array([one.mean() for one in of])
        more = np.mean(of, 0) - base
        found[form] = {
            "mse": mses.tolist(),
            "mean": float(mses.mean()),
            "half_width": float(STUDENT[len(of)] * mses.std(ddof=1) / len(of) ** 0.5),
            "more": float(more.mean()),
            "more_ci95": BOOTSTRAP.mean(more, rows["user"]),
        }
    return found


def main() -> None:
    """Run the studies, write the results, rewrite the document."""
    parser = arguments.parser(__doc__, real_data=True)
    parser.add_argument("--only", default=",".join(CLAIMED), help="data sets: %(default)s")
    parser.add_argument("--studies", default=",".join(STUDIES), help="studies: %(default)s")
    options = parser.parse_args()
    if not options.readme:
        data, path = options.data.absolute(), readme.results("parts")
        names = present(chosen("--only", options.only, dict.fromkeys(USUAL)), data)
        studies = chosen("--studies", options.studies, STUDIES)
        before = json.loads(path.read_text(encoding="utf-8"))["datasets"] if path.exists() else []
        found = {dataset["name"]: dataset for dataset in before}
        for name in names:  # others keep their earlier figures
            settings = overrides(DATASETS[name], data)
            with tempfile.TemporaryDirectory(prefix="parts-") as folder:
                work = Path(folder)
                prepare(work, DATASETS[name], data)
                entry = found.setdefault(name, {"name": name, "title": DATASETS[name].title})
                entry |= noise_floor(work / METRICS / "download.json")
                for which in studies:
                    entry[which] = study(work, settings, which)
                    ordered = [found[known] for known in DATASETS if known in found]
                    replace_json(path, {"machine": machine(), "datasets": ordered})
    readme.rewrite("parts", table)


if __name__ == "__main__":
    exit_on_user_error(main)
