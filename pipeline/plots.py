"""The common style of all pictures."""

import io

import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072b2", "#e69f00", "#999999"  # distinct for colour-blind readers too
rcParams["text.parse_math"] = False  # a dollar in the name of a title or genre is a dollar


def canvas(title: str, x: str, y: str, height: float = 4.5) -> tuple[Figure, Axes]:
    """Return a figure with labelled axes, 7 inches wide and ``height`` inches high."""
    figure = Figure(figsize=(7, height), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def png(figure: Figure) -> bytes:
    """Render a picture as PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def without_markup(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of a plot with ‹ for <, as DVC writes names into its page as they are."""
    return table.replace("<", "\u2039", regex=True)
