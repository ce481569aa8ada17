"""The model's predictions in NumPy: of all titles for one user, or of user × title pairs.

Numbers in parentheses are those of the equations in docs/model.md.
"""

import copy
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array, Ints
from pipeline.artifact.draws import Draw, load_draws
from pipeline.artifact.folder import DRAWS, NETWORK, read_scale, read_settings
from pipeline.artifact.similar import Similar, load_similar
from pipeline.recommender.blas import ONE_THREAD
from pipeline.recommender.factors import Factors, UserWeights
from pipeline.recommender.grades import ExpectedCurve, expected
from pipeline.recommender.neighbours import Neighbours
from pipeline.recommender.network import Network

THREADS = 2
EXPLAINED = 24  # draws that reasons come from
CHUNK = 8192  # pairs predicted at a time: bounds memory


class Taste(NamedTuple):
    """The user's side of the model.

    Attributes:
        user: row of the user table; 0 for a new user.
        network: the user's weights in the network.
        draws: the user's weights in the posterior draws; None without draws.
        residual: the user's ratings minus their predictions by these weights, 0 where they have
            not rated: float32 [titles]; None if unknown.
    """

    user: int
    network: UserWeights
    draws: UserWeights | None
    residual: Array | None = None


class Scorer:
    """Predicts ratings.

    Attributes:
        scale: the scale of the ratings.
        n_users, n_titles: rows of the user table and of the item table; row 0 stands for any
            unknown user or title.
        network: the network.
        posterior: the posterior draws; None without them.
        shares: share of each draw in a prediction; the network has the rest: float32 [draws].
        neighbours: what similar titles add to all scores; None if the model has none.
        pool: threads that share the titles.
    """

    def __init__(self, folder: Path) -> None:
        settings = read_settings(folder)
        self.scale = read_scale(folder)
        self.network = Network(*load_draws(folder / NETWORK), self.scale)
        self.n_titles = len(self.network.titles)
        self.posterior: Factors | None = None
        self.shares = np.zeros(0, np.float32)
        if settings["posterior"]:
            kept, arrays = load_draws(folder / DRAWS)
            self.posterior, self.shares = Factors(kept, self.scale), arrays["shares"]
        self.neighbours: Neighbours | None = None
        self.n_users = pq.read_metadata(folder / "users.parquet").num_rows
        if (found := load_similar(folder)) is not None:
            self.add(*found)
        self.pool = ThreadPoolExecutor(THREADS)

    def add(self, similar: Similar, rated: Sequence[Array]) -> Neighbours:
        """Add similar titles to the model, as ``Neighbours`` describes them; return these."""
        self.neighbours = Neighbours(similar, rated, (self.n_users, self.n_titles))
        return self.neighbours

    @property
    def step(self) -> int:
        """Reasons come from every ``step``-th draw: EXPLAINED say as much as all."""
        return max(1, len(self.posterior.draws) // EXPLAINED) if self.posterior else 1

    @cached_property
    def explained(self) -> Factors:
        """The weights that reasons and similar titles come from: some draws, else the network."""
        return self.posterior.every(self.step) if self.posterior else self.network.factors

    def taste(self, user: int) -> Taste:
        """Look up the taste of a user by row of the user table; row 0 is any unknown user."""
        draws = self.posterior.of_user(user) if self.posterior else None
        residual = self.neighbours.of_user(user) if self.neighbours else None
        return Taste(user, self.network.factors.of_user(user), draws, residual)

    def scores(self, taste: Taste) -> Array:
        """(10): predict all titles for one user: float32 [titles], on the scale."""
        shift = np.zeros(self.n_titles, np.float32)
        if self.neighbours and taste.residual is not None:
            shift = self.neighbours.shift(taste.residual)
        curves: list[ExpectedCurve | None] = []
        if self.posterior and taste.draws:
            curves = [
                ExpectedCurve(noise, draw.cuts, self.scale) if len(draw.cuts) else None
                for draw, noise in zip(self.posterior.draws, taste.draws.noise, strict=True)
            ]

        def part(titles: slice) -> Array:
            network = self.network.predict(taste.user, taste.network.weights, titles)
            network += shift[titles]
            mean = (1 - self.shares.sum()) * self.scale.clip(network)
            if not self.posterior or not taste.draws:
                return mean
            score = self.posterior.latent(taste.draws.weights, titles) + shift[titles]
            for curve, row, share in zip(curves, score, self.shares, strict=True):
                mean += share * (curve(row) if curve else self.scale.clip(row))
            return mean

        ends = np.linspace(0, self.n_titles, THREADS + 1).astype(int)
        with ONE_THREAD:
            parts = list(self.pool.map(part, map(slice, ends[:-1], ends[1:])))
        return np.concatenate(parts).astype(np.float32)

    def subset(self, titles: Ints) -> "Scorer":
        """Return the same model for some titles only, rows of the item table [n]."""
        part = copy.copy(self)
        part.network, part.n_titles = self.network.subset(titles), len(titles)
        part.posterior = self.posterior.subset(titles) if self.posterior else None
        part.neighbours = self.neighbours.subset(titles) if self.neighbours else None
        return part

    def pairs(self, user: Array, item: Array) -> Array:
        """(10): predict n titles for each of many users.

        Args:
            user: rows of the user table [users].
            item: rows of the item table [users, n].

        Returns:
            float32 [users, n], on the scale.
        """
        network, draws = self.latent_pairs(user, item)
        total = (1 - self.shares.sum()) * self.scale.clip(network)
        for (draw, score, noise), share in zip(draws, self.shares, strict=True):
            total += share * expected(score, noise, draw.cuts, self.scale)
        return total

    def latent_pairs(
        self, user: Array, item: Array
    ) -> tuple[Array, Iterable[tuple[Draw, Array, Array]]]:
        """Return the scores of pairs in the network, and as ``Factors.latent_pairs`` in the draws.

        They include what similar titles add. Arguments as in ``pairs``.
        """
        shift: Array | float = 0.0
        if self.neighbours:
            shift = self.neighbours.shift_pairs(user, item)
        latent = self.posterior.latent_pairs(user, item) if self.posterior else ()
        shifted = ((draw, score + shift, noise) for draw, score, noise in latent)
        return self.network.pairs(user, item) + shift, shifted

    def predict(self, user: Ints, item: Ints) -> Array:
        """Predict pairs, rows of the two tables [n]: float32 [n], on the scale."""

        def part(start: int) -> Array:
            rows = slice(start, start + CHUNK)
            return self.pairs(user[rows], item[rows, None])

        with ONE_THREAD:
            parts = list(self.pool.map(part, range(0, len(user), CHUNK)))
        return np.concatenate([np.zeros((0, 1), np.float32), *parts])[:, 0]

    def vectors(self) -> Array | None:
        """Return vectors of trained titles that point the same way if the same people like them.

        Returns:
            float32 [trained titles + 1, k], row 0 for any other title. None without a deep part.
        """
        vectors = self.explained.vectors
        return vectors if vectors.shape[1] else None
