"""Time and memory of clean + features, beside a bare CSV parse and the public notebooks' method.

``python -m benchmarks.data`` generates data sets of three sizes, the largest as large as the real
one. Contenders take turns in fresh processes, with the files in the page cache.

The results go to benchmarks/results/data.json, and from there to a table in docs/benchmarks.md;
``--readme`` only rewrites the document.

The stages run on params.yaml, as ``dvc repro`` runs them; the time of DVC itself is not counted.
"""

import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import arguments, readme
from benchmarks.process import Run, machine, measured, memory, warm
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import replace_json, replacing
from pipeline.paths import PARAMS, ROOT

USERS, ITEMS, RATINGS = 270_033, 24_905, 24_325_191  # of the real data set
SCORES = "users-score-2023.csv"
NOTEBOOK_GB = 13  # memory of the notebook's method at size 1
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "anime-ratings-benchmark")

COLUMNS = [  # header; section and key in the figures of a size; format
    ("bare parse", "median_seconds", "pyarrow", "{:.2f} s"),
    ("clean + features", "median_seconds", "pipeline", "{:.1f} s"),
    ("times the parse", "ratios", "pipeline/pyarrow", "{:.1f}"),
    ("notebook", "median_seconds", "notebook", "{:.1f} s"),
    ("times clean + features", "ratios", "notebook/pipeline", "{:.1f}"),
    ("peak memory: clean + features", "peak_gb", "pipeline", "{:.1f} GB"),
    ("notebook", "peak_gb", "notebook", "{:.1f} GB"),
    ("times clean + features", "ratios", "memory notebook/pipeline", "{:.1f}"),
]


def generate(folder: Path, size: float) -> None:
    """Write a synthetic data set with a share ``size`` of the real numbers of users and ratings."""
    from pipeline.settings.sections import Watch
    from pipeline.sources import synthetic

    users, ratings, watch = round(size * USERS), round(size * RATINGS), Watch("", "")
    settings = synthetic.Settings("synthetic", 1, 10, watch, 0, users, ITEMS, ratings, 0.4)
    with replacing(folder) as new:
        synthetic.write(settings, new)


def pyarrow(raw: Path) -> Run:
    """Parse three columns of the ratings; the seconds are those of the parse call alone."""
    run = measured("benchmarks.parse", str(raw / SCORES))
    return run._replace(seconds=json.loads(run.text)["seconds"])


def pipeline(raw: Path) -> Run:
    """Run the stages clean and features in a temporary folder."""
    with tempfile.TemporaryDirectory(dir=raw.parent, prefix=".run-") as name:
        shutil.copy(ROOT / PARAMS, name)
        for folder in ("data", "metrics"):
            (Path(name) / folder).mkdir()
        (Path(name) / "data" / "raw").symlink_to(raw.resolve(), target_is_directory=True)
        runs = [measured(f"pipeline.{stage}", cwd=Path(name)) for stage in ("clean", "features")]
    return Run(sum(run.seconds for run in runs), max(run.peak_gb for run in runs), "")


def notebook(raw: Path) -> Run:
    """Build the wide data frame of the public notebooks."""
    return measured("benchmarks.notebook", str(raw))


def compare(contenders: list[Callable[[Path], Run]], raw: Path, repeat: int) -> dict[str, Any]:
    """Measure the contenders on one data set, in turns; return their figures and ratios."""
    runs: dict[str, list[Run]] = {contender.__name__: [] for contender in contenders}
    warm(raw)
    contenders[0](raw)  # warm-up: after a pause a virtual machine first regains its memory
    for _ in range(repeat):
        for contender in contenders:
            warm(raw)
            run, name = contender(raw), contender.__name__
            runs[name].append(run)
            print(f"{raw.name:>6} {name:<9}{run.seconds:7.2f} s {run.peak_gb:6.2f} GB", flush=True)
    took = {name: statistics.median(run.seconds for run in of) for name, of in runs.items()}
    peak = {name: max(run.peak_gb for run in of) for name, of in runs.items()}
    ratios = {"pipeline/pyarrow": took["pipeline"] / took["pyarrow"]}
    if "notebook" in runs:
        ratios["notebook/pipeline"] = took["notebook"] / took["pipeline"]
        ratios["memory notebook/pipeline"] = peak["notebook"] / peak["pipeline"]
    return {
        "rows": json.loads(runs["pyarrow"][0].text)["rows"],
        "seconds": {name: [round(run.seconds, 3) for run in of] for name, of in runs.items()},
        "median_seconds": {name: round(s, 3) for name, s in took.items()},
        "peak_gb": {name: round(gb, 3) for name, gb in peak.items()},
        "ratios": {name: round(ratio, 3) for name, ratio in ratios.items()},
    }


def add_growth(sizes: list[dict[str, Any]]) -> None:
    """Add to each size its time per row relative to the smallest size; 1 is linear growth."""
    first = sizes[0]
    for size in sizes:
        rows = size["rows"] / first["rows"]
        took = {n: s / first["median_seconds"][n] for n, s in size["median_seconds"].items()}
        size["growth"] = {name: round(times / rows, 3) for name, times in took.items()}


def table(results: dict[str, Any]) -> str:
    """Format the figures as a Markdown table; a dash for a contender that was left out."""
    lines = [["ratings", *(column[0] for column in COLUMNS)]]
    for size in results["sizes"]:
        found = [(size[section].get(key), form) for _, section, key, form in COLUMNS]
        cells = ["-" if figure is None else form.format(figure) for figure, form in found]
        lines.append([f"{size['rows']:,}", *cells])
    return f"{readme.markdown(lines)}\n\n{readme.machine(results['machine'])}"


def shares(text: str) -> list[float]:
    """Parse the option --sizes, in ascending order."""
    return sorted(float(part) for part in text.split(","))


def main() -> None:
    """Measure, write the results, rewrite the document."""
    parser = arguments.parser(__doc__)
    parser.add_argument(
        "--data", type=Path, default=CACHE, help="folder for the generated files, 2 GB"
    )
    parser.add_argument("--sizes", type=shares, default="0.1,0.333,1", help="shares of real size")
    parser.add_argument("--repeat", type=int, default=3, help="runs per contender")
    parser.add_argument("--skip-notebook", action="store_true", help="skip what takes 13 GB")
    options = parser.parse_args()
    if options.readme:
        readme.rewrite("data", table)
        return
    if options.repeat < 1:
        raise UserError(f"--repeat {options.repeat}: at least 1.")
    contenders: list[Callable[[Path], Run]] = [pyarrow, pipeline]
    contenders += [] if options.skip_notebook else [notebook]
    need, free = NOTEBOOK_GB * options.sizes[-1], memory(free=True) / 1e9
    if notebook in contenders and free < need:
        raise UserError(
            f"the notebook's method takes {need:.1f} GB of memory at size {options.sizes[-1]:g}, "
            f"and {free:.1f} GB are free; skip it with --skip-notebook, or choose other --sizes."
        )
    results: list[dict[str, Any]] = []
    for size in options.sizes:
        raw = options.data.absolute() / f"{size:g}"
        if not raw.exists():  # complete if it exists
            print(f"generating {raw}", flush=True)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
                other.submit(generate, raw, size).result()
        results.append({"size": size} | compare(contenders, raw, options.repeat))
    add_growth(results)
    replace_json(readme.results("data"), {"machine": machine(), "sizes": results})
    readme.rewrite("data", table)


if __name__ == "__main__":
    exit_on_user_error(main)
