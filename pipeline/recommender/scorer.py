"""The model's predictions in NumPy: all titles for one user in one pass, the titles' side ready.

The same numbers as ``pipeline.model.saved.Predictor`` gives, to five digits, in milliseconds.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from pipeline.arrays import Array
from pipeline.artifact.draws import Draw, read
from pipeline.artifact.folder import DRAWS, NETWORK, read_settings
from pipeline.recommender.expected import Curve, exact
from pipeline.recommender.network import Network

THREADS = 2


class Taste(NamedTuple):
    """What a user weighs titles with.

    Attributes:
        user: index, as the network knows it; 0 for one it does not know.
        ratings: sum and number of the ratings the user gave.
        weights: float32 [draws, n], of what ``Scorer.design`` returns.
        noise: float32 [draws], precision of the user's ratings.
    """

    user: int
    ratings: tuple[int, int]
    weights: Array
    noise: Array


class Scorer:
    """Predicts titles of the catalogue for users.

    Attributes:
        scale: lowest and highest rating.
        titles: how many there are, row 0 included.
        draws: of the weights; none where the model has none.
        embeddings: float32 [draws, titles, deep].
        deep, wide: size of these; whether users have biases and crosses.
        attributes: float32 [titles, m], what users have weights of crosses for.
        labels: attribute, and index of its value, of each column of these.
        offset: float32 [draws, titles], bias of each title and the constant.
        pool, blas: threads, and what keeps the matrix products of each to one.

    Raises:
        UserError: ``folder`` holds no model.
    """

    def __init__(self, folder: Path) -> None:
        settings = read_settings(folder)
        self.scale = settings["min_rating"], settings["max_rating"]
        self.network = Network(folder / NETWORK)
        self.titles = len(self.network.arrays["codes" if self.network.wide else "hidden"])
        self.weight = settings["posterior"]["weight"] if settings["posterior"] else 0.0
        self.draws: list[Draw] = []
        if settings["posterior"]:
            self._read(folder / DRAWS, wide=settings["model"]["wide"] is not None)
        # Threads of our own share the work; inside of them those of BLAS would be too many.
        self.pool, self.blas = ThreadPoolExecutor(THREADS), ThreadpoolController()

    def _read(self, path: Path, wide: bool) -> None:
        self.draws, self.attributes, self.labels, self.basis = read(path)
        described = np.concatenate([self.attributes, np.ones((self.titles, 1))], 1)
        self.wide, self.deep = wide, self.draws[0].items.shape[1] - wide
        shape = len(self.draws), self.titles
        self.embeddings = np.empty((*shape, self.deep), np.float32)
        self.offset = np.empty(shape, np.float32)
        for place, draw in enumerate(self.draws):
            table = (described @ draw.map).astype(np.float32)
            table[1 : len(draw.items)] = draw.items[1:]
            self.embeddings[place] = table[:, : self.deep]
            self.offset[place] = draw.intercept + (table[:, self.deep] if wide else 0)

    @cached_property
    def noise(self) -> tuple[Array, Array]:
        """The usual precision of users in each draw, and whether theirs differ: [draws]."""
        noise = [draw.noise for draw in self.draws]
        return np.array([np.median(own) for own in noise]), np.array([np.ptp(n) > 0 for n in noise])

    def known(self, user: int, ratings: tuple[int, int]) -> Taste:
        """Look up the taste of a user of the table; strangers to the draws have row 0 of these."""
        row = self.row(np.array(user))
        weights = np.array([draw.users[row] for draw in self.draws], np.float32)
        noise = np.array([draw.noise[row] for draw in self.draws], np.float32)
        return Taste(user, ratings, weights, noise)

    def row(self, user: Array) -> Array:
        """Return the rows of users in the draws: 0 for those these were not trained on."""
        return np.where(user < len(self.draws[0].users), user, 0) if self.draws else user

    def scores(self, taste: Taste) -> Array:
        """Predict all titles: float32 [titles], on the scale."""
        curves = [
            Curve(noise, draw.cuts, self.scale) if len(draw.cuts) else None
            for draw, noise in zip(self.draws, taste.noise, strict=True)
        ]
        total, count = (np.array([number]) for number in taste.ratings)
        own = self.network.described(np.array([taste.user]), (total, count))
        linear = self.network.linear(taste.user)

        def part(titles: slice) -> Array:
            network = np.clip(self.network.predict(own, linear, titles), *self.scale)
            if not curves:
                return network
            score = self.latent(taste, titles)
            drawn = np.zeros(score.shape[1], np.float32)
            for curve, row in zip(curves, score, strict=True):
                drawn += curve(row) if curve else np.clip(row, *self.scale)
            drawn *= self.weight / len(curves)
            return drawn + (1 - self.weight) * network

        ends = np.linspace(0, self.titles, THREADS + 1).astype(int)
        with self.blas.limit(limits=1):
            parts = list(self.pool.map(part, map(slice, ends[:-1], ends[1:])))
        return np.concatenate(parts).astype(np.float32)

    def latent(self, taste: Taste, titles: slice = slice(None)) -> Array:
        """Return the scores of titles in each draw, before noise: float32 [draws, titles]."""
        weights = taste.weights
        found = np.matmul(self.embeddings[:, titles], weights[:, : self.deep, None])[..., 0]
        found += self.offset[:, titles]
        if self.wide:
            found += weights[:, self.deep + 1 :] @ self.attributes[titles].T
            found += weights[:, self.deep, None]
        return found

    def pairs(self, user: Array, ratings: tuple[Array, Array], item: Array) -> Array:
        """Predict some titles for each of many users of the table.

        Args:
            user: their indices [users].
            ratings: sum and number of the ratings each gave [users].
            item: rows of the item table, n for each user: [users, n].

        Returns:
            float32 [users, n], on the scale.
        """
        own = self.network.described(user, ratings)
        network = np.clip(self.network.pairs(user, own, item), *self.scale)
        if not self.draws:
            return network
        row, total = self.row(user), np.zeros(item.shape, np.float32)
        own = self.attributes[item] if self.wide else None
        for place, draw in enumerate(self.draws):
            weights = draw.users[row].astype(np.float32)[..., None]
            score = np.matmul(self.embeddings[place][item], weights[:, : self.deep])[..., 0]
            score += self.offset[place][item]
            if own is not None:
                score += np.matmul(own, weights[:, self.deep + 1 :])[..., 0] + weights[:, self.deep]
            total += exact(score, draw.noise[row][:, None], draw.cuts, self.scale)
        return self.weight * total / len(self.draws) + (1 - self.weight) * network

    def design(self, item: Array) -> tuple[Array, Array]:
        """Return what weights are multiplied with for titles [n] in each draw, and their offsets.

        Returns:
            float32 [draws, n, m] and [draws, n].
        """
        parts = [self.embeddings[:, item]]
        if self.wide:
            one = np.ones((len(item), 1), np.float32)
            own = np.concatenate([one, self.attributes[item]], 1)
            parts.append(np.broadcast_to(own, (len(self.draws), *own.shape)))
        return np.concatenate(parts, 2), self.offset[:, item]
