"""Where the model is good and where not: the error by kind of user, of title and of rating."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline.arrays import Array, Floats, Ints
from pipeline.evaluation.metrics import Bootstrap, percentiles

HISTORY, POPULARITY = "training ratings of the user", "training ratings of the title"
KINDS = ("type", "decade", "genre")
TABLES = {  # what goes to one table and picture
    "error_by_history": (HISTORY,),
    "residual_by_popularity": (POPULARITY,),
    "residual_by_rating": ("true rating",),
    "segments": KINDS,
}
COUNTS = (0, 1, 6, 21, 101, 1001)  # smallest count of training ratings of each class


class Segments(NamedTuple):
    """One way to divide the rows.

    Attributes:
        by: what it goes by.
        names: of the segments, in the order they are shown.
        rows: numbers of the rows [m]; a row may be in several segments, or in none.
        codes: the segment of each of these [m].
    """

    by: str
    names: list[str]
    rows: Ints
    codes: Ints


def tables(
    ways: Iterator[Segments], error: Floats, base: Floats, user: Ints, bootstrap: Bootstrap
) -> dict[str, pd.DataFrame]:
    """Measure each segment, and sort what ``measured`` returns into TABLES."""
    found = measured(ways, error, base, user, bootstrap)
    return {name: found[found["by"].isin(by)] for name, by in TABLES.items()}


def measured(
    ways: Iterator[Segments], error: Floats, base: Floats, user: Ints, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Measure each segment.

    Args:
        ways: the ways to divide the rows.
        error, base: prediction less rating, of the model and of the bias baseline [n].
        user: whose rating each is [n].
        bootstrap: for the intervals.

    Returns:
        A row for each segment that is not empty: by, segment, n (ratings); mse; base_mse, that of
        the baseline; residual, the mean error; gain, the share of the baseline's MSE that the model
        takes away; and the 95 % interval of each: mse_low, mse_high, ….
    """
    codes, people = pd.factorize(user)
    columns = {"n": None, "mse": error**2, "base_mse": base**2, "residual": error}
    entries = []
    for way in ways:
        number = len(way.names)
        cells = codes[way.rows] * number + way.codes
        sums = np.stack(
            [
                np.bincount(cells, values if values is None else values[way.rows], shape)
                for shape in [len(people) * number]
                for values in columns.values()
            ]
        ).reshape(len(columns), len(people), number)
        flat = sums.transpose(1, 0, 2).reshape(len(people), -1)
        drawn = bootstrap.totals(flat).reshape(-1, len(columns), number)
        values, spread = _figures(sums.sum(1)[None]), _figures(drawn)
        for code in np.flatnonzero(sums[0].sum(0)):
            entry = {"by": way.by, "segment": way.names[code], "n": int(sums[0, :, code].sum())}
            for name in values:
                low, high = percentiles(spread[name][:, code])
                entry |= {name: float(values[name][0, code])}
                entry |= {f"{name}_low": low, f"{name}_high": high}
            entries.append(entry)
    return pd.DataFrame(entries)


def _figures(sums: Floats) -> dict[str, Floats]:
    """Turn sums [draws, 4, segments] into figures [draws, segments]."""
    n, squared, base, error = np.moveaxis(sums, 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):  # of a segment that was not drawn
        return {
            "mse": squared / n,
            "base_mse": base / n,
            "residual": error / n,
            "gain": 1 - squared / base,
        }


def ways(rows: dict[str, Array], rating: Floats, features: Path) -> Iterator[Segments]:
    """Divide the test rows by training ratings of user and title, by what the title is, by rating.

    Args:
        rows: the test rows.
        rating: their ratings.
        features: folder of the feature tables.
    """
    every = np.arange(len(rating))
    lasts = [following - 1 for following in COUNTS[1:]]
    names = [
        str(low) if low == last else f"{low}-{last}"
        for low, last in zip(COUNTS, lasts, strict=False)
    ]
    names.append(f"{COUNTS[-1]}+")
    for by, count in ((HISTORY, "user_count"), (POPULARITY, "item_count")):
        codes = np.searchsorted(COUNTS, rows[count], side="right") - 1
        yield Segments(by, names, every, codes)

    titles = read_titles(features)
    for by in KINDS:
        yield _listed(by, titles[by], rows["item"])

    grades = np.unique(rating.astype(int))
    codes = np.searchsorted(grades, rating.astype(int))
    yield Segments("true rating", [str(grade) for grade in grades], every, codes)


def _listed(by: str, values: pd.Series, item: Ints) -> Segments:
    """Divide rows by the values of their title, of which there may be several or none."""
    kinds, codes = np.unique(np.concatenate([[""], *values]), return_inverse=True)
    lengths = values.str.len().to_numpy()
    first = 1 + lengths.cumsum() - lengths  # of each title in ``codes``
    each = lengths[item]
    rows = np.repeat(np.arange(len(item)), each)
    place = np.arange(len(rows)) - np.repeat(each.cumsum() - each, each)
    return Segments(by, kinds.tolist(), rows, codes[first[item[rows]] + place])


def read_titles(features: Path) -> pd.DataFrame:
    """Read what the titles are called and are, in the order of the item table.

    Returns:
        title, count (of training ratings); genre, type and decade: arrays of text, which may be
        empty. Row 0 is any unknown title.
    """
    titles = pq.read_table(features / "titles.parquet").to_pandas()
    counts = pq.read_table(features / "items.parquet", columns=["item_count"])["item_count"]
    decade = (titles["year"] // 10 * 10).map("{:.0f}s".format, na_action="ignore")

    def one(values: pd.Series) -> pd.Series:
        return values.map(lambda value: [value] if isinstance(value, str) else [])

    return pd.DataFrame(
        {
            "title": titles["title"],
            "count": counts.to_numpy(),
            "genre": titles["genres"].map(list),
            "type": one(titles["type"]),
            "decade": one(decade),
        }
    )
