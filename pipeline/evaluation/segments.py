"""Errors by segment: by kind of user, of title and of rating."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.scale import Scale
from pipeline.evaluation.metrics import Bootstrap, percentiles

HISTORY, POPULARITY = "training ratings of the user", "training ratings of the title"
KINDS = ("type", "decade", "genre")
TABLES = {  # table and picture: the segmentations in it
    "error_by_history": (HISTORY,),
    "residual_by_popularity": (POPULARITY,),
    "residual_by_rating": ("true rating",),
    "segments": KINDS,
}
COUNTS = (0, 1, 6, 21, 101, 1001)  # lower bounds of the classes of training counts


class Segmentation(NamedTuple):
    """One division of the test rows into segments.

    Attributes:
        by: name of the quantity that divides them.
        names: names of the segments, in the order of display.
        rows: indices of rows [m]; a row may be in several segments, or in none.
        codes: index of the segment of each of these [m].
    """

    by: str
    names: list[str]
    rows: Ints
    codes: Ints


def tables(
    segmentations: Iterator[Segmentation],
    error: Floats,
    base: Floats,
    held: Floats,
    user: Ints,
    bootstrap: Bootstrap,
) -> dict[str, pd.DataFrame]:
    """Return ``measure`` of all segments, divided into TABLES."""
    measured = measure(segmentations, error, base, held, user, bootstrap)
    return {name: measured[measured["by"].isin(by)] for name, by in TABLES.items()}


def measure(
    segmentations: Iterator[Segmentation],
    error: Floats,
    base: Floats,
    held: Floats,
    user: Ints,
    bootstrap: Bootstrap,
) -> pd.DataFrame:
    """Measure each segment.

    Args:
        segmentations: the divisions of the rows.
        error, base: prediction - rating, of the model and of user + item bias [n].
        held: 1 where the rating is in the interval of its prediction, else 0 [n].
        user: user of each row [n].
        bootstrap: for the intervals.

    Returns:
        A row for each segment that is not empty: by; segment; n (ratings); mse; base_mse, that of
        user + item bias; residual, the mean error; gain, 1 - mse / base_mse; held, the share of
        ratings in the intervals of their predictions; and the 95 % interval of each: mse_low,
        mse_high, ….
    """
    codes, people = pd.factorize(user)
    columns = [None, error**2, base**2, error, held]
    entries: list[dict[str, Any]] = []
    for segmentation in segmentations:
        sums = _sums(segmentation, columns, codes, len(people))
        entries += _entries(segmentation, sums, bootstrap)
    return pd.DataFrame(entries)


def _sums(
    segmentation: Segmentation, columns: list[Floats | None], codes: Ints, users: int
) -> Array:
    """Sum columns [n] by user and segment, None for counts: [columns, users, segments]."""
    segments = len(segmentation.names)
    cells = codes[segmentation.rows] * segments + segmentation.codes
    sums = [
        np.bincount(cells, None if column is None else column[segmentation.rows], users * segments)
        for column in columns
    ]
    return np.stack(sums).reshape(len(columns), users, segments)


def _entries(
    segmentation: Segmentation, sums: Floats, bootstrap: Bootstrap
) -> Iterator[dict[str, Any]]:
    """Yield the row of each segment that is not empty, from sums [5, users, segments]."""
    columns, users, segments = sums.shape
    flat = sums.transpose(1, 0, 2).reshape(users, -1)
    draws = _figures(bootstrap.totals(flat).reshape(-1, columns, segments))
    point = _figures(sums.sum(1)[None])
    for code in np.flatnonzero(sums[0].sum(0)):
        n = int(sums[0, :, code].sum())
        entry = {"by": segmentation.by, "segment": segmentation.names[code], "n": n}
        for name, values in point.items():
            low, high = percentiles(draws[name][:, code])
            entry |= {name: float(values[0, code]), f"{name}_low": low, f"{name}_high": high}
        yield entry


def _figures(sums: Floats) -> dict[str, Floats]:
    """Turn sums [draws, 5, segments] into figures [draws, segments]."""
    n, squared, base, error, held = np.moveaxis(sums, 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw may have no row of a segment
        return {
            "mse": squared / n,
            "base_mse": base / n,
            "residual": error / n,
            "gain": np.where(base > 0, 1 - squared / base, np.nan),
            "held": held / n,
        }


def segmentations(
    rows: dict[str, Array], rating: Floats, scale: Scale, features: Path
) -> Iterator[Segmentation]:
    """Yield the divisions of the test rows: by training counts, kinds of title, and true rating.

    Args:
        rows: columns of the test rows [n].
        rating: their ratings [n]; each counts as the nearest grade.
        scale: the scale of the ratings.
        features: folder of the feature tables.
    """
    every = np.arange(len(rating))
    for by, count in ((HISTORY, "user_count"), (POPULARITY, "item_count")):
        names, codes = count_classes(rows[count])
        yield Segmentation(by, names, every, codes)

    titles = read_titles(features)
    for by in KINDS:
        yield _by_title(by, titles[by], rows["item"])

    grades, codes = np.unique(scale.grade(rating), return_inverse=True)
    names = [f"{scale.rating(grade):g}" for grade in grades]
    yield Segmentation("true rating", names, every, codes)


def count_classes(count: Ints) -> tuple[list[str], Ints]:
    """Return the names of the classes of training counts, and the class of each count [n]."""
    lasts = [following - 1 for following in COUNTS[1:]]
    names = [
        str(low) if low == last else f"{low}-{last}"
        for low, last in zip(COUNTS, lasts, strict=False)
    ]
    return [*names, f"{COUNTS[-1]}+"], np.searchsorted(COUNTS, count, side="right") - 1


def _by_title(by: str, values: pd.Series, item: Ints) -> Segmentation:
    """Divide rows by an attribute of their title, which may have several values or none.

    Args:
        by: name of the attribute.
        values: list of values of each title [titles].
        item: title of each row [n].
    """
    kinds, codes = np.unique(np.concatenate([[""], *values]), return_inverse=True)
    lengths = values.str.len().to_numpy()
    first = 1 + lengths.cumsum() - lengths  # index in ``codes`` of the first value of each title
    repeats = lengths[item]
    rows = np.repeat(np.arange(len(item)), repeats)
    within = np.arange(len(rows)) - np.repeat(repeats.cumsum() - repeats, repeats)
    return Segmentation(by, kinds.tolist(), rows, codes[first[item[rows]] + within])


def read_titles(features: Path) -> pd.DataFrame:
    """Read names and kinds of the titles, in the order of the item table.

    Returns:
        title; count (training ratings); genre, type and decade: lists of text, empty where not
        known. Row 0 is any unknown title.
    """
    titles = pq.read_table(features / "titles.parquet").to_pandas()
    counts = pq.read_table(features / "items.parquet", columns=["item_count"])["item_count"]
    decade = (titles["year"] // 10 * 10).map("{:.0f}s".format, na_action="ignore")

    def as_lists(values: pd.Series) -> pd.Series:
        return values.map(lambda value: [value] if isinstance(value, str) else [])

    return pd.DataFrame(
        {
            "title": titles["title"],
            "count": counts.to_numpy(),
            "genre": titles["genres"].map(list),
            "type": as_lists(titles["type"]),
            "decade": as_lists(decade),
        }
    )
