"""The command-line options that benchmarks share."""

import argparse
import os
from pathlib import Path

from benchmarks.process import ROOT

REAL_DATA = Path(os.environ.get("ANIME_RATINGS_DATA", ROOT.parent / "shared" / "data"))


def parser(doc: str | None, real_data: bool = False) -> argparse.ArgumentParser:
    """Return a parser with the options that benchmarks share.

    Args:
        doc: docstring of the benchmark, whose first line is the description.
        real_data: add ``--data``, the folder of the real data sets.
    """
    found = argparse.ArgumentParser(description=doc.split("\n")[0] if doc else None)
    if real_data:
        found.add_argument("--data", type=Path, default=REAL_DATA, help="folder of real data sets")
    found.add_argument(
        "--readme", action="store_true", help="only rewrite docs/benchmarks.md from stored results"
    )
    return found
