"""The published figure of myfm on MovieLens 100K, from the raw files.

``python -m benchmarks.peers.published FOLDER`` fits the ordered probit of myfm's notebook
ml-100k-extended to u1.base, with the dates of the ratings and the attributes of the users, and
fails unless its RMSE on u1.test is the published one. It takes a minute.
"""

import sys
from pathlib import Path

import myfm
import numpy as np
import pandas as pd
from myfm.utils.encoders import (
    BinningEncoder,
    CategoryValueToSparseEncoder,
    MultipleValuesToSparseEncoder,
)
from scipy import sparse

from benchmarks.peers.myfm import blocks

PUBLISHED, TOLERANCE = 0.8808, 0.002  # RMSE
RANK, SWEEPS = 10, 512


def read(path: Path, separator: str, names: list[str]) -> pd.DataFrame:
    """Read a file of the archive; columns past ``names`` are numbered."""
    frame = pd.read_csv(path, sep=separator, header=None, encoding="latin-1")
    return frame.rename(columns=dict(enumerate(names)))


def history(base: pd.DataFrame, of: str, other: str, ids: pd.Series) -> sparse.csr_matrix:
    """Return marks of the ids that each id has a rating with."""
    lists = base[other].astype(str).groupby(base[of]).agg(",".join).reindex(ids).fillna("")
    return MultipleValuesToSparseEncoder(lists).to_sparse(lists)


def sides(folder: Path, base: pd.DataFrame) -> list[list[sparse.csr_matrix]]:
    """Return groups of feature columns for each user, and for each film."""
    user = read(folder / "u.user", "|", ["user", "age", "gender", "occupation", "zip"])
    film = read(folder / "u.item", "|", ["item", "title", "date"])
    year = pd.to_datetime(film["date"], format="%d-%b-%Y").dt.year
    flags = film.loc[:, 5:].to_numpy()
    genres = [",".join(map(str, np.flatnonzero(of))) for of in flags]
    categories = user["user"], user["occupation"], user["zip"].astype(str).str[0]
    name, occupation, area = (CategoryValueToSparseEncoder(of).to_sparse(of) for of in categories)
    return [
        [
            name,
            BinningEncoder(user["age"]).to_sparse(user["age"]),
            occupation,
            area,
            history(base, "user", "item", user["user"]),
        ],
        [
            CategoryValueToSparseEncoder(film["item"]).to_sparse(film["item"]),
            BinningEncoder(year).to_sparse(year),
            MultipleValuesToSparseEncoder(genres).to_sparse(genres),
            history(base, "item", "user", film["item"]),
        ],
    ]


def rmse(folder: Path) -> float:
    """Fit the ordered probit to u1.base; return its RMSE on u1.test."""
    base, test = (
        read(folder / f"u1.{part}", "\t", ["user", "item", "rating", "time"])
        for part in ("base", "test")
    )
    day = CategoryValueToSparseEncoder(base["time"] // 86400)
    groups = sides(folder, base)
    designs = [sparse.hstack(side, format="csr") for side in groups]
    seen, unseen = (  # ids count from 1
        blocks(designs, part["user"].to_numpy() - 1, part["item"].to_numpy() - 1)
        for part in (base, test)
    )
    machine = myfm.MyFMOrderedProbit(RANK, random_seed=0)
    machine.fit(
        day.to_sparse(base["time"] // 86400),
        base["rating"].to_numpy() - 1,
        X_rel=seen,
        group_shapes=[len(day), *(part.shape[1] for side in groups for part in side)],
        n_iter=SWEEPS,
        n_kept_samples=SWEEPS,
    )
    chances = machine.predict_proba(day.to_sparse(test["time"] // 86400), unseen)
    return float(np.sqrt(np.mean((chances @ np.arange(1, 6) - test["rating"].to_numpy()) ** 2)))


if __name__ == "__main__":
    found = rmse(Path(sys.argv[1]))
    print(f"myfm's ordered probit on u1: RMSE {found:.4f}; published: {PUBLISHED}")
    sys.exit(abs(found - PUBLISHED) > TOLERANCE)
