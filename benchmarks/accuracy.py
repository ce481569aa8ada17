"""Accuracy: the test MSE of our model and of the strongest installable peers.

``python -m benchmarks.accuracy`` builds the tables of each data set as ``dvc repro`` would, fits
our model to the training rows and every peer to the training and validation rows, one after the
other in fresh processes, and compares their predictions of the same test rows.

The results go to benchmarks/results/accuracy.json, and from there to a table in docs/benchmarks.md;
``--readme`` only rewrites the document.

The stages run on the settings of conf/ in a copy of the code, so the params.yaml, data and models
of the repository stay as they are.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from benchmarks import arguments, readme
from benchmarks.accuracy_table import NETWORK, OURS, OWN, PEERS, table
from benchmarks.data import CACHE
from benchmarks.environment import environment
from benchmarks.process import ROOT, machine, measured
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import replace_json
from pipeline.paths import FEATURES, METRICS


class Dataset(NamedTuple):
    """A data set: its title in tables, overrides of conf/, and the folder of its files."""

    title: str
    overrides: tuple[str, ...]
    folder: str | None = None


DATASETS = {
    "mal_real": Dataset("MyAnimeList", ("dataset=local",), "mal_real"),
    "ml-100k": Dataset(
        "MovieLens 100K, random", ("dataset=movielens_100k", "dataset.split=null"), "ml-100k"
    ),
    "ml-100k-u1": Dataset("MovieLens 100K, u1", ("dataset=movielens_100k",), "ml-100k"),
    "synthetic": Dataset("generated", ("dataset=synthetic",)),
    "full": Dataset(  # as large as Kaggle's: most peers would take days
        "generated, full size",
        (
            "experiment=full", "dataset=synthetic", "dataset.users=270033",
            "dataset.items=24905", "dataset.ratings=24325191",
        ),
    ),
}  # fmt: skip
USUAL = [name for name in DATASETS if name != "full"]


def overrides(dataset: Dataset, data: Path) -> list[str]:
    """Return the overrides for a data set whose files are in the folder ``data``."""
    place = [f"dataset.path='{data / dataset.folder}'"] if dataset.folder else []
    return [*dataset.overrides, *place]


def prepare(work: Path, dataset: Dataset, data: Path) -> None:
    """Build the feature tables of a data set in ``work``, with a copy of the code."""
    for name in ("pipeline", "conf"):
        shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__"))
    measured("pipeline.compose", *overrides(dataset, data), cwd=work)
    for stage in ("download", "clean", "features"):
        measured(f"pipeline.{stage}", cwd=work)


def fit_ours(work: Path, out: Path) -> dict[str, float]:
    """Train our model and predict the test rows; fit_seconds are those of the whole stage."""
    run = measured("pipeline.train", cwd=work)
    told = json.loads(measured("benchmarks.ours", str(out), cwd=work).text)
    posterior = OmegaConf.load(work / "params.yaml").posterior
    sweeps = {"sweeps": posterior.sweeps * len(posterior.members)} if posterior else {}
    return {"fit_seconds": run.seconds, **told, **sweeps, "peak_gb": run.peak_gb}


def fit_peer(peer: str, python: Path, features: Path, out: Path) -> dict[str, float]:
    """Fit a peer and predict the test rows; fit_seconds are those of the fit alone."""
    run = measured("benchmarks.peers.run", peer, str(features), str(out), python=python)
    return {**json.loads(run.text), "peak_gb": run.peak_gb}


def compare(dataset: Dataset, data: Path, peers: list[str], python: Path) -> dict[str, Any]:
    """Fit all contenders on one data set; return their figures and those of the data."""
    with tempfile.TemporaryDirectory(prefix="accuracy-") as name:
        work = Path(name)
        prepare(work, dataset, data)
        features, took, files = work / FEATURES, {}, []
        for contender in (OURS, NETWORK, *peers):
            files.append(work / f"{contender}.npy")
            if contender == NETWORK:
                alone = "posterior=none"
                measured("pipeline.compose", *overrides(dataset, data), alone, cwd=work)
            took[contender] = (
                fit_ours(work, files[-1])
                if contender in OWN
                else fit_peer(contender, python, features, files[-1])
            )
            seconds, gb = took[contender]["fit_seconds"], took[contender]["peak_gb"]
            print(f"{dataset.title:<24}{contender:<22}{seconds:7.1f} s {gb:6.2f} GB", flush=True)
        found = json.loads(measured("benchmarks.score", str(features), *map(str, files)).text)
        known = json.loads((work / METRICS / "download.json").read_text(encoding="utf-8"))
    for contender, figures in found["contenders"].items():
        figures |= {of: round(figure, 3) for of, figure in took[contender].items()}
        print(f"{dataset.title:<24}{contender:<22}{figures['mse']:.4f}", flush=True)
    floor = {"noise_floor": known["noise_floor"]} if "noise_floor" in known else {}
    return {"title": dataset.title, **floor, **found}


def chosen(option: str, text: str, known: dict[str, Any]) -> list[str]:
    """Parse a comma-separated option into names of ``known``, in their order.

    Raises:
        UserError: the option has an unknown name.
    """
    names = text.split(",")
    wrong = [name for name in names if name not in known]
    if wrong:
        raise UserError(f"{option} {text}: no {', '.join(wrong)}; there are {', '.join(known)}.")
    return [name for name in known if name in names]


def present(names: list[str], data: Path) -> list[str]:
    """Return the data sets whose files exist; print which are left out.

    Raises:
        UserError: no data set is left.
    """
    here = []
    for name in names:
        folder = DATASETS[name].folder
        if folder is None or (data / folder).is_dir():
            here.append(name)
        else:
            print(f"{name} is left out: {data / folder} is not there; see --data.", flush=True)
    if not here:
        raise UserError("no data set is left to compare on.")
    return here


def main() -> None:
    """Compare the contenders, write the results, rewrite the document."""
    parser = arguments.parser(__doc__, real_data=True)
    parser.add_argument("--only", default=",".join(USUAL), help="data sets: %(default)s; or full")
    parser.add_argument("--peers", default=",".join(PEERS), help="contenders: %(default)s")
    options = parser.parse_args()
    if not options.readme:
        data = options.data.absolute()
        names = present(chosen("--only", options.only, DATASETS), data)
        peers = chosen("--peers", options.peers, PEERS)
        python = environment(CACHE)
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # runs go to the temporary working folder
        path = readme.results("accuracy")
        before = json.loads(path.read_text(encoding="utf-8"))["datasets"] if path.exists() else []
        found = {dataset["name"]: dataset for dataset in before}
        for name in names:  # others keep their earlier figures
            found[name] = {"name": name} | compare(DATASETS[name], data, peers, python)
            ordered = [found[known] for known in DATASETS if known in found]
            replace_json(path, {"machine": machine(), "datasets": ordered})
    readme.rewrite("accuracy", table)


if __name__ == "__main__":
    exit_on_user_error(main)
