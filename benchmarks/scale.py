"""Cost of clean and features for a tenth of Kaggle's ratings, as many, and ten times as many.

``python -m benchmarks.scale`` generates the ratings; the largest ones, 243 million, are ten copies
of as many as Kaggle's with users of their own, written as a stream. Stages run in fresh processes
on one and on two threads, the largest only on two. It takes 40 GB on the disk.

The results go to benchmarks/results/scale.json, and from there to a table in docs/scale.md;
``--readme`` only rewrites the document.
"""

import json
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from benchmarks import arguments, readme
from benchmarks.data import CACHE, SCORES, generate
from benchmarks.process import ROOT, machine, measured
from pipeline.errors import exit_on_user_error
from pipeline.files import replace_json, replacing
from pipeline.paths import PARAMS

DOCUMENT = ROOT / "docs" / "scale.md"
USERS = {SCORES: "user_id", "users-details-2023.csv": "Mal ID"}  # columns with ids of users
APART = 10_000_000  # between the ids of users of two copies
SIZES = {0.1: (1, 2), 1: (1, 2), 10: (2,)}  # times Kaggle's ratings: threads


def repeat(raw: Path, folder: Path, times: int) -> None:
    """Write a data set several times, each time with other users, a piece at a time."""
    import pyarrow.compute as pc
    from pyarrow import csv

    with replacing(folder) as new:
        for file in raw.iterdir():
            if file.name not in USERS:
                shutil.copy(file, new)
                continue
            writer, name = None, USERS[file.name]
            for copy in range(times):
                for batch in csv.open_csv(file):
                    place = batch.schema.get_field_index(name)
                    moved = pc.add(batch.column(place), copy * APART)
                    apart = batch.set_column(place, name, moved)
                    writer = writer or csv.CSVWriter(new / file.name, apart.schema)
                    writer.write_batch(apart)
            assert writer is not None
            writer.close()


def stages(raw: Path, threads: int) -> dict[str, Any]:
    """Run clean and features; return the seconds and the peak memory of each."""
    with tempfile.TemporaryDirectory(dir=raw.parent, prefix=".run-") as name:
        work, params = Path(name), OmegaConf.load(ROOT / PARAMS)
        params.engine.threads = threads
        OmegaConf.save(params, work / PARAMS)
        for folder in ("data", "metrics"):
            (work / folder).mkdir()
        (work / "data" / "raw").symlink_to(raw.resolve(), target_is_directory=True)
        runs = {stage: measured(f"pipeline.{stage}", cwd=work) for stage in ("clean", "features")}
        counts = json.loads((work / "metrics" / "clean.json").read_text(encoding="utf-8"))
        rows = counts["ratings"]["read"]
        size = sum(file.stat().st_size for file in (work / "data" / "features").iterdir())
    found = {
        "threads": threads,
        "rows": rows,
        "tables_gb": round(size / 1e9, 2),
        "seconds": {stage: round(run.seconds, 1) for stage, run in runs.items()},
        "peak_gb": {stage: round(run.peak_gb, 2) for stage, run in runs.items()},
    }
    print(raw.name, found, flush=True)
    return found


def table(results: dict[str, Any]) -> str:
    """Format the figures as Markdown."""
    lines = [["ratings", "threads", "clean", "memory", "features", "memory", "tables on the disk"]]
    lines += [
        [
            f"{run['rows']:,}", f"{run['threads']}",
            f"{run['seconds']['clean']:.0f} s", f"{run['peak_gb']['clean']:.1f} GB",
            f"{run['seconds']['features']:.0f} s", f"{run['peak_gb']['features']:.1f} GB",
            f"{run['tables_gb']:.2f} GB",
        ]
        for run in results["runs"]
    ]  # fmt: skip
    return f"{readme.markdown(lines)}\n\n{readme.machine(results['machine'])}"


def main() -> None:
    """Measure, write the results, rewrite the document."""
    if not arguments.parser(__doc__).parse_args().readme:
        runs = []
        for size, threads in SIZES.items():
            raw = CACHE.absolute() / f"{size:g}"
            if not raw.exists():  # complete if it exists
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
                    make = (generate, raw, size) if size <= 1 else (repeat, CACHE / "1", raw, size)
                    other.submit(*make).result()
            runs += [stages(raw, number) for number in threads]
        replace_json(readme.results("scale"), {"machine": machine(), "runs": runs})
    readme.rewrite("scale", table, DOCUMENT)


if __name__ == "__main__":
    exit_on_user_error(main)
