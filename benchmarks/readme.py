"""Write benchmark results into docs/benchmarks.md or another document, between two markers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.files import replace_text

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
RESULTS = Path(__file__).parent / "results"
Table = Callable[[dict[str, Any]], str]  # formats results as Markdown


def results(name: str) -> Path:
    """Return the path of a benchmark's results."""
    return RESULTS / f"{name}.json"


def markdown(lines: list[list[str]]) -> str:
    """Format rows of cells as a table, header first; right-aligned but for the first column."""
    ruled = [lines[0], ["---", *["---:"] * (len(lines[0]) - 1)], *lines[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in ruled)


def machine(facts: dict[str, Any]) -> str:
    """Format the machine that the figures were measured on."""
    return f"On {facts['cpus']} cores with {facts['memory_gib']:.0f} GiB of memory."


def insert(text: str, name: str, table: str) -> str:
    """Replace the text between the markers of a benchmark."""
    begin, end = (f"<!-- benchmarks/{name}: {word} -->" for word in ("begin", "end"))
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    return f"{before}{begin}\n{table}\n{end}{after}"


def updated(text: str, name: str, table: Table) -> str:
    """Return the ``text`` of the document with the stored results of a benchmark."""
    return insert(text, name, table(json.loads(results(name).read_text(encoding="utf-8"))))


def rewrite(name: str, table: Table, document: Path = DOCUMENT) -> None:
    """Rewrite a document with the stored results of a benchmark."""
    replace_text(document, updated(document.read_text(encoding="utf-8"), name, table))
