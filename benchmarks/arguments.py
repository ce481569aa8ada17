"""The command line that the benchmarks share."""

import argparse
import os
from pathlib import Path

from benchmarks.process import ROOT

REAL_DATA = Path(os.environ.get("ANIME_RATINGS_DATA", ROOT.parent / "shared" / "data"))


def parser(doc: str | None, real_data: bool = False) -> argparse.ArgumentParser:
    """Begin the command line of a benchmark: it can always rewrite only its table.

    Args:
        doc: what its module says of itself.
        real_data: whether it needs the real data sets.
    """
    found = argparse.ArgumentParser(description=doc.split("\n")[0] if doc else None)
    if real_data:
        found.add_argument("--data", type=Path, default=REAL_DATA, help="folder of the real data")
    found.add_argument(
        "--readme", action="store_true", help="only rewrite its part of docs/benchmarks.md"
    )
    return found
