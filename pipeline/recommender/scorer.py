"""The model's predictions in NumPy, in milliseconds: of all titles for one user, or of pairs.

The titles' side of every draw is computed once, when the model is read. Numbers in parentheses are
those of the equations in docs/model.md.
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
from pipeline.recommender.grades import ExpectedCurve, chance, expected
from pipeline.recommender.network import Network

THREADS = 2
CHUNK = 8192  # pairs predicted at a time: bounds memory
LEAST_CHANCE = 1e-12  # below which a logarithm would say more than float32 draws can


class Taste(NamedTuple):
    """What a user weighs titles with.

    Attributes:
        user: index in the network; 0 for somebody it was not trained on.
        ratings: sum and number of the ratings the user gave.
        weights: float32 [draws, n], laid out as ``Scorer.layout``; see ``Scorer.design``.
        noise: float32 [draws], precision of the user's ratings.
    """

    user: int
    ratings: tuple[int, int]
    weights: Array
    noise: Array


class Scorer:
    """Predicts ratings of titles of the catalogue.

    Attributes:
        scale: lowest and highest rating.
        n_titles: titles of the catalogue, row 0 (any unknown title) included.
        weight: of the draws in a prediction; the network has the rest.
        draws: of the weights; none where the model has none.
        layout: of a user's weights.
        embeddings: float32 [draws, titles, k].
        offset: float32 [draws, titles], bias of each title and the intercept.
        attributes: float32 [titles, m], what users have weights of crosses for.
        labels: attribute, and index of its value, of each column of ``attributes``.
        basis: float32 [titles, components], for the history of a newcomer.
        pool, blas: our own threads, and what keeps the matrix products of each to one thread.

    Raises:
        UserError: ``folder`` holds no model.
    """

    def __init__(self, folder: Path) -> None:
        settings = read_settings(folder)
        self.scale: tuple[int, int] = (settings["min_rating"], settings["max_rating"])
        self.network = Network(folder / NETWORK)
        self.n_titles = self.network.n_titles
        users = pq.read_table(folder / "users.parquet", columns=["user_sum", "user_count"])
        self._given = users["user_sum"].to_numpy(), users["user_count"].to_numpy()
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
        known = np.concatenate([kept.attributes, np.ones((self.n_titles, 1))], 1)
        shape = len(self.draws), self.n_titles
        self.embeddings = np.empty((*shape, self.layout.embedding), np.float32)
        self.offset = np.empty(shape, np.float32)
        for place, draw in enumerate(self.draws):
            weights = (known @ draw.map).astype(np.float32)  # (5), for titles without ratings
            weights[1 : len(draw.items)] = draw.items[1:]
            self.embeddings[place], bias, _ = self.layout.split(weights)
            self.offset[place] = draw.intercept + (bias if wide else 0)

    @cached_property
    def noise(self) -> tuple[Array, Array]:
        """The median precision of users in each draw, and whether users differ in it: [draws]."""
        noise = [draw.noise for draw in self.draws]
        return np.array([np.median(own) for own in noise]), np.array([np.ptp(n) > 0 for n in noise])

    def known(self, user: int) -> Taste:
        """Look up the taste of a row of the user table; row 0 is anybody unknown."""
        row = self._row(np.array(user))
        weights = np.array([draw.users[row] for draw in self.draws], np.float32)
        noise = np.array([draw.noise[row] for draw in self.draws], np.float32)
        total, count = (int(numbers[user]) for numbers in self._given)
        return Taste(user, (total, count), weights, noise)

    def weights(self, draw: Draw, user: Array) -> Array:
        """Return the weights of users in a draw: float32 [users, n]."""
        return draw.users[self._row(user)].astype(np.float32)

    def _row(self, user: Array) -> Array:
        """Return the rows of users in the draws: 0 for those without training ratings."""
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
        """(1): return the latent scores of titles for a user: float32 [draws, titles]."""
        sides = self.embeddings[:, titles], self.offset[:, titles], self.attributes[titles]
        return self._latent(taste.weights, *sides)

    def only(self, titles: Ints) -> "Scorer":
        """Return the model of some titles alone, rows of the item table [n], in that order."""
        part = copy.copy(self)
        part.network, part.n_titles = self.network.only(titles), len(titles)
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
        part = self.only(item)
        return np.stack([part.scores(self.known(int(one))) for one in user])

    def predict(self, user: Ints, item: Ints) -> Array:
        """Predict pairs of rows of the two tables, integers [n]: float32 [n], on the scale."""
        starts = range(0, len(user), CHUNK)
        parts = [self.pairs(user[i : i + CHUNK], item[i : i + CHUNK, None]) for i in starts]
        return np.concatenate([np.zeros((0, 1), np.float32), *parts])[:, 0]

    def judge(self, user: Ints, item: Ints, rating: Floats) -> tuple[Array, Floats | None]:
        """Predict pairs whose ratings are known, and tell how likely the draws find these.

        Args:
            user, item: rows of the two tables [n].
            rating: whole numbers on the scale [n].

        Returns:
            The predictions, float32 [n]; the log-likelihood of each rating under the mixture of
            the draws (nats) [n], None without draws.
        """
        if not self.draws:
            return self.predict(user, item), None
        halves = np.arange(*self.scale, dtype=np.float32) + 0.5
        grade = (rating - self.scale[0]).astype(np.int64)
        predicted, likely = np.zeros(len(user), np.float32), np.zeros(len(user))
        for start in range(0, len(user), CHUNK):
            rows = slice(start, start + CHUNK)
            total, own = np.zeros((len(user[rows]), 1), np.float32), likely[rows]
            for draw, score, noise in self._latent_pairs(user[rows], item[rows, None]):
                total += expected(score, noise, draw.cuts, self.scale)
                cuts = draw.cuts if len(draw.cuts) else halves
                own += chance(score[:, 0], noise[:, 0], cuts, grade[rows])
            network = self._network(user[rows], item[rows, None])
            predicted[rows] = self._mixed(total, network)[:, 0]
        return predicted, np.log(np.maximum(likely / len(self.draws), LEAST_CHANCE))

    def _network(self, user: Array, item: Array) -> Array:
        total, count = (numbers[user] for numbers in self._given)
        first_layer = self.network.user_side(user, (total, count))
        return np.clip(self.network.pairs(user, first_layer, item), *self.scale)

    def _mixed(self, total: Array, network: Array) -> Array:
        return self.weight * total / len(self.draws) + (1 - self.weight) * network

    def _latent_pairs(self, user: Array, item: Array) -> Iterator[tuple[Draw, Array, Array]]:
        """Yield each draw with the latent scores of the pairs and the precision of their noise."""
        attributes, row = self.attributes[item], self._row(user)
        for place, draw in enumerate(self.draws):
            weights = draw.users[row].astype(np.float32)
            embeddings, offset = self.embeddings[place][item], self.offset[place][item]
            yield draw, self._latent(weights, embeddings, offset, attributes), draw.noise[row, None]

    def _latent(self, weights: Array, embeddings: Array, offset: Array, attributes: Array) -> Array:
        """(1): return latent scores, of one user in b draws, or of b users in one draw.

        Args:
            weights: of the user: float32 [b, n].
            embeddings, offset: of the titles: float32 [b, titles, k], [b, titles].
            attributes: of the titles: float32 [titles, m] where they are the same for all b, or
                [b, titles, m].

        Returns:
            float32 [b, titles].
        """
        embedding, bias, crosses = self.layout.split(weights)
        score = np.matmul(embeddings, embedding[..., None])[..., 0]
        score += offset
        if self.layout.wide:
            if attributes.ndim == 2:  # one matrix product instead of b products with a vector
                score += crosses @ attributes.T
            else:
                score += np.matmul(attributes, crosses[..., None])[..., 0]
            score += bias[:, None]
        return score

    def design(self, item: Array) -> tuple[Array, Array]:
        """Return what a user's weights are multiplied with for titles [n], and the rest of (1).

        Returns:
            float32 [draws, n, m], laid out as the weights are; offsets, float32 [draws, n].
        """
        parts = [self.embeddings[:, item]]
        if self.layout.wide:
            one = np.ones((len(item), 1), np.float32)
            own = np.concatenate([one, self.attributes[item]], 1)
            parts.append(np.broadcast_to(own, (len(self.draws), *own.shape)))
        return np.concatenate(parts, 2), self.offset[:, item]

    def vectors(self) -> Array | None:
        """Return a vector of each trained title, row 0 any other; None for a wide model alone.

        Titles whose vectors point in like directions are liked by the same people: embeddings of
        the first draw, or what the titles bring to the first ReLU layer of the network.
        """
        if self.draws and self.layout.embedding:
            return self.embeddings[0, : len(self.draws[0].items)]
        return self.network.title_vectors()
