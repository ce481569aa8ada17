"""The tables of benchmarks/results in docs/benchmarks.md, each between two markers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.files import replace_text

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parent / "results"
Table = Callable[[dict[str, Any]], str]  # writes results as Markdown


def results(name: str) -> Path:
    """Return the file of a benchmark's results."""
    return RESULTS / f"{name}.json"


def markdown(lines: list[list[str]]) -> str:
    """Write lines of cells as a table, a header first; all but the first column to the right."""
    ruled = [lines[0], ["---", *["---:"] * (len(lines[0]) - 1)], *lines[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in ruled)


def machine(facts: dict[str, Any]) -> str:
    """Say what the figures were measured on."""
    return f"On {facts['cpus']} cores with {facts['memory_gib']:.0f} GiB of memory."


def insert(text: str, name: str, table: str) -> str:
    """Replace what stands between the markers of a benchmark in ``text``."""
    begin, end = (f"<!-- benchmarks/{name}: {word} -->" for word in ("begin", "end"))
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    return f"{before}{begin}\n{table}\n{end}{after}"


def updated(text: str, name: str, table: Table) -> str:
    """Return the ``text`` of the document with the newest results of a benchmark."""
    return insert(text, name, table(json.loads(results(name).read_text(encoding="utf-8"))))


def rewrite(name: str, table: Table) -> None:
    """Bring the document up to date with the results of a benchmark."""
    replace_text(DOCUMENT, updated(DOCUMENT.read_text(encoding="utf-8"), name, table))
