"""The README's table of benchmarks/results/data.json, between its two markers."""

import json
from pathlib import Path
from typing import Any

from pipeline.tables import replace_text

README = Path(__file__).parents[1] / "README.md"
RESULTS = Path(__file__).parent / "results" / "data.json"
BEGIN, END = (f"<!-- benchmarks/data: {word} -->" for word in ("begin", "end"))
COLUMNS = [  # header; section and key in a size's figures; how a figure is written
    ("bare parse", "median_seconds", "pyarrow", "{:.2f} s"),
    ("clean + features", "median_seconds", "pipeline", "{:.1f} s"),
    ("times the parse", "ratios", "pipeline/pyarrow", "{:.1f}"),
    ("notebook", "median_seconds", "notebook", "{:.1f} s"),
    ("times clean + features", "ratios", "notebook/pipeline", "{:.1f}"),
    ("peak memory: clean + features", "peak_gb", "pipeline", "{:.1f} GB"),
    ("notebook", "peak_gb", "notebook", "{:.1f} GB"),
    ("times clean + features", "ratios", "memory notebook/pipeline", "{:.1f}"),
]


def table(results: dict[str, Any]) -> str:
    """Write the figures as a Markdown table; a contender that was left out has a dash."""
    lines = [["ratings", *(column[0] for column in COLUMNS)], ["---:"] * (len(COLUMNS) + 1)]
    for size in results["sizes"]:
        cells = [f"{size['rows']:,}"]
        for _, section, key, form in COLUMNS:
            figure = size[section].get(key)
            cells.append("-" if figure is None else form.format(figure))
        lines.append(cells)
    rows = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    machine = results["machine"]
    return f"{rows}\n\nOn {machine['cpus']} cores with {machine['memory_gib']:.0f} GiB of memory."


def insert(text: str, results: dict[str, Any]) -> str:
    """Replace what stands between the markers of ``text``."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{table(results)}\n{END}{after}"


def rewrite() -> None:
    """Bring the README up to date with the results."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    replace_text(README, insert(README.read_text(encoding="utf-8"), results))
