"""The model's predictions in NumPy: of all titles for one user, or of user × title pairs.

The titles' weights in every draw are computed once, when the model is loaded, so a user takes
milliseconds. Numbers in parentheses are those of the equations in docs/model.md.
"""

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from threadpoolctl import ThreadpoolController

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.draws import Draw, load_draws
from pipeline.artifact.folder import DRAWS, NETWORK, read_settings
from pipeline.artifact.formulas import Layout
from pipeline.recommender.grades import ExpectedCurve, chance, expected, latent_scores
from pipeline.recommender.network import Network

THREADS = 2
CHUNK = 8192  # pairs predicted at a time: bounds memory
MIN_PROBABILITY = 1e-12  # float32 draws do not resolve less


class Taste(NamedTuple):
    """The user's side of the model.

    Attributes:
        user: row of the user table, for the network; 0 for a new user.
        ratings: sum and number of the user's ratings.
        weights: the user's weights in each draw, float32 [draws, n], as ``Scorer.layout`` says.
        noise: precision of the user's ratings in each draw, float32 [draws].
    """

    user: int
    ratings: tuple[int, int]
    weights: Array
    noise: Array


class Scorer:
    """Predicts ratings.

    Attributes:
        scale: lowest and highest rating.
        n_titles: rows of the item table; row 0 stands for any unknown title.
        weight: weight of the draws in a prediction; the network has the rest.
        draws: the posterior draws; empty for a model without a posterior.
        layout: how a user's weights are laid out.
        embeddings: titles' embeddings, float32 [draws, titles, k].
        offset: titles' biases plus the intercept, float32 [draws, titles].
        attributes: titles' attributes that are crossed with users, float32 [titles, m].
        labels: for each column of ``attributes``, the attribute and the index of its value.
        basis: right singular vectors for the histories of new users, float32 [titles, components].
        pool, blas: threads that share the titles, and the control that keeps BLAS from starting
            more threads within each.

    Raises:
        UserError: ``folder`` holds no model.
    """

    def __init__(self, folder: Path) -> None:
        settings = read_settings(folder)
        self.scale: tuple[int, int] = (settings["min_rating"], settings["max_rating"])
        self.network = Network(folder / NETWORK)
        self.n_titles = self.network.n_titles
        users = pq.read_table(folder / "users.parquet", columns=["user_sum", "user_count"])
        self._totals = users["user_sum"].to_numpy(), users["user_count"].to_numpy()
        self.weight = settings["posterior"]["weight"] if settings["posterior"] else 0.0
        self.draws: list[Draw] = []
        if settings["posterior"]:
            self._load_draws(folder / DRAWS, wide=settings["model"]["wide"] is not None)
        self.pool, self.blas = ThreadPoolExecutor(THREADS), ThreadpoolController()

    def _load_draws(self, path: Path, wide: bool) -> None:
        kept = load_draws(path)
        self.draws, self.basis = kept.draws, kept.basis
        self.attributes = kept.attributes[:, kept.crossed]
        self.labels = [kept.labels[column] for column in kept.crossed]
        self.layout = Layout(self.draws[0].items.shape[1] - wide, wide)
        columns = np.concatenate([kept.attributes, np.ones((self.n_titles, 1))], 1)
        shape = len(self.draws), self.n_titles
        self.embeddings = np.empty((*shape, self.layout.embedding), np.float32)
        self.offset = np.empty(shape, np.float32)
        for index, draw in enumerate(self.draws):
            weights = (columns @ draw.map).astype(np.float32)  # (5), for titles without ratings
            weights[1 : len(draw.items)] = draw.items[1:]
            self.embeddings[index], bias, _ = self.layout.split(weights)
            self.offset[index] = draw.intercept + (bias if wide else 0)

    @cached_property
    def noise(self) -> tuple[Array, Array]:
        """Median precision of users in each draw, and whether users differ in it, both [draws]."""
        noise = [draw.noise for draw in self.draws]
        return np.array([np.median(n) for n in noise]), np.array([np.ptp(n) > 0 for n in noise])

    def taste(self, user: int) -> Taste:
        """Look up the taste of a user by row of the user table; row 0 is any unknown user."""
        row = self._row(np.array(user))
        weights = np.array([draw.users[row] for draw in self.draws], np.float32)
        noise = np.array([draw.noise[row] for draw in self.draws], np.float32)
        total, count = (int(column[user]) for column in self._totals)
        return Taste(user, (total, count), weights, noise)

    def user_weights(self, draw: Draw, user: Array) -> Array:
        """Return the weights of users in one draw: float32 [users, n]."""
        return draw.users[self._row(user)].astype(np.float32)

    def _row(self, user: Array) -> Array:
        """Return users' rows in the draws, 0 for users without training ratings."""
        return np.where(user < len(self.draws[0].users), user, 0) if self.draws else user

    def scores(self, taste: Taste) -> Array:
        """(10): predict all titles for one user: float32 [titles], on the scale."""
        curves = [
            ExpectedCurve(noise, draw.cuts, self.scale) if len(draw.cuts) else None
            for draw, noise in zip(self.draws, taste.noise, strict=True)
        ]
        total, count = (np.array([number]) for number in taste.ratings)
        first_layer = self.network.user_side(np.array([taste.user]), (total, count))
        linear = self.network.linear(taste.user)

        def part(titles: slice) -> Array:
            network = np.clip(self.network.predict(first_layer, linear, titles), *self.scale)
            if not curves:
                return network
            score = self.latent(taste, titles)
            mean = np.zeros(score.shape[1], np.float32)
            for curve, row in zip(curves, score, strict=True):
                mean += curve(row) if curve else np.clip(row, *self.scale)
            mean *= self.weight / len(curves)
            return mean + (1 - self.weight) * network

        ends = np.linspace(0, self.n_titles, THREADS + 1).astype(int)
        with self.blas.limit(limits=1):
            parts = list(self.pool.map(part, map(slice, ends[:-1], ends[1:])))
        return np.concatenate(parts).astype(np.float32)

    def latent(self, taste: Taste, titles: slice = slice(None)) -> Array:
        """(1): return the latent scores of titles for one user: float32 [draws, titles]."""
        sides = self.embeddings[:, titles], self.offset[:, titles], self.attributes[titles]
        return latent_scores(self.layout, taste.weights, *sides)

    def subset(self, titles: Ints) -> "Scorer":
        """Return the same model for some titles only, rows of the item table [n]."""
        part = copy.copy(self)
        part.network, part.n_titles = self.network.subset(titles), len(titles)
        if self.draws:
            part.embeddings, part.offset = self.embeddings[:, titles], self.offset[:, titles]
            part.attributes = self.attributes[titles]
        return part

    def pairs(self, user: Array, item: Array) -> Array:
        """(10): predict n titles for each of many users.

        Args:
            user: rows of the user table [users].
            item: rows of the item table [users, n].

        Returns:
            float32 [users, n], on the scale.
        """
        network = self._network(user, item)
        if not self.draws:
            return network
        total = np.zeros(item.shape, np.float32)
        for draw, score, noise in self._latent_pairs(user, item):
            total += expected(score, noise, draw.cuts, self.scale)
        return self._mixed(total, network)

    def matrix(self, user: Ints, item: Ints) -> Array:
        """Predict titles [m] for users [n], rows of the two tables: float32 [n, m]."""
        part = self.subset(item)
        return np.stack([part.scores(self.taste(int(row))) for row in user])

    def predict(self, user: Ints, item: Ints) -> Array:
        """Predict pairs, rows of the two tables [n]: float32 [n], on the scale."""
        starts = range(0, len(user), CHUNK)
        parts = [self.pairs(user[i : i + CHUNK], item[i : i + CHUNK, None]) for i in starts]
        return np.concatenate([np.zeros((0, 1), np.float32), *parts])[:, 0]

    def judge(self, user: Ints, item: Ints, rating: Floats) -> tuple[Array, Floats | None]:
        """Predict pairs and compute the log-likelihood of their ratings.

        Args:
            user, item: rows of the two tables [n].
            rating: the true ratings, whole numbers on the scale [n].

        Returns:
            Predictions, float32 [n]; log-likelihoods (nats) under the mixture of the draws,
            float64 [n], None without draws.
        """
        if not self.draws:
            return self.predict(user, item), None
        # For a member with normal noise, a rating has the probability within half a point of it.
        halves = np.arange(*self.scale, dtype=np.float32) + 0.5
        grade = (rating - self.scale[0]).astype(np.int64)
        predicted, probability = np.zeros(len(user), np.float32), np.zeros(len(user))
        for start in range(0, len(user), CHUNK):
            rows = slice(start, start + CHUNK)
            total = np.zeros((len(user[rows]), 1), np.float32)
            for draw, score, noise in self._latent_pairs(user[rows], item[rows, None]):
                total += expected(score, noise, draw.cuts, self.scale)
                cuts = draw.cuts if len(draw.cuts) else halves
                probability[rows] += chance(score[:, 0], noise[:, 0], cuts, grade[rows])
            network = self._network(user[rows], item[rows, None])
            predicted[rows] = self._mixed(total, network)[:, 0]
        return predicted, np.log(np.maximum(probability / len(self.draws), MIN_PROBABILITY))

    def _network(self, user: Array, item: Array) -> Array:
        total, count = (column[user] for column in self._totals)
        first_layer = self.network.user_side(user, (total, count))
        return np.clip(self.network.pairs(user, first_layer, item), *self.scale)

    def _mixed(self, total: Array, network: Array) -> Array:
        return self.weight * total / len(self.draws) + (1 - self.weight) * network

    def _latent_pairs(self, user: Array, item: Array) -> Iterator[tuple[Draw, Array, Array]]:
        """Yield each draw, the pairs' latent scores and the precision of the users' noise."""
        attributes, row = self.attributes[item], self._row(user)
        for index, draw in enumerate(self.draws):
            weights = draw.users[row].astype(np.float32)
            sides = self.embeddings[index][item], self.offset[index][item], attributes
            yield draw, latent_scores(self.layout, weights, *sides), draw.noise[row, None]

    def vectors(self) -> Array | None:
        """Return vectors of trained titles that point the same way if the same people like them.

        Returns:
            The embeddings of the first draw, or else the titles' shares of the network's first
            ReLU layer: float32 [trained titles + 1, k], row 0 for any other title. None for a
            model with a wide part only.
        """
        if self.draws and self.layout.embedding:
            return self.embeddings[0, : len(self.draws[0].items)]
        return self.network.title_vectors()
