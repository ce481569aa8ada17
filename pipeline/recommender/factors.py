"""Formula (1) in NumPy: latent scores from the stored weights of users and titles.

The titles' weights in every draw are computed once, when the model is loaded, so a user takes
milliseconds. Numbers in parentheses are those of the equations in docs/model.md.
"""

import copy
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, Ints
from pipeline.artifact.draws import Draw, Kept
from pipeline.artifact.scale import Scale
from pipeline.recommender.grades import latent_scores


class UserWeights(NamedTuple):
    """A user's weights.

    Attributes:
        weights: the weights in each draw, laid out as ``Factors.layout``: float32 [draws, n].
        noise: precision of the user's ratings in each draw: float32 [draws].
    """

    weights: Array
    noise: Array

    def every(self, step: int) -> "UserWeights":
        """Return the weights in every ``step``-th draw."""
        return UserWeights(self.weights[::step], self.noise[::step])


class Factors:
    """Stored weights: the posterior draws, or the network's means as a single draw.

    Args:
        kept: the stored weights.
        scale: the scale of the ratings.

    Attributes:
        draws: the draws.
        layout: how a user's weights are laid out.
        embeddings: titles' embeddings: float32 [draws, titles, k].
        offset: titles' biases plus the intercept: float32 [draws, titles].
        attributes: titles' attributes that are crossed with users: float32 [titles, m].
        labels: for each column of ``attributes``, the attribute and the index of its value.
        basis, power: right singular vectors for the histories of new users, float32 [titles,
            components], and the power of their number of ratings by which these are divided.
        counts: scale of users' log-counts (7).
    """

    def __init__(self, kept: Kept, scale: Scale) -> None:
        self.draws, self.layout, self.scale = kept.draws, kept.layout, scale
        self.basis, self.power, self.counts = kept.basis, kept.power, kept.counts
        self.attributes = kept.attributes[:, kept.crossed]
        self.labels = [kept.labels[column] for column in kept.crossed]
        n_titles = len(kept.attributes)
        columns = np.concatenate([kept.attributes, np.ones((n_titles, 1))], 1)
        shape = len(self.draws), n_titles
        self.embeddings = np.empty((*shape, self.layout.embedding), np.float32)
        self.offset = np.empty(shape, np.float32)
        for index, draw in enumerate(self.draws):
            weights = (columns @ draw.map).astype(np.float32)  # (5), for titles without ratings
            weights[1 : len(draw.items)] = draw.items[1:]
            self.embeddings[index], bias, _ = self.layout.split(weights)
            self.offset[index] = draw.intercept + (bias if self.layout.wide else 0)

    @cached_property
    def noise(self) -> tuple[Array, Array]:
        """Median precision of users in each draw, and whether users differ in it, both [draws]."""
        noise = [draw.noise for draw in self.draws]
        return np.array([np.median(n) for n in noise]), np.array([np.ptp(n) > 0 for n in noise])

    @property
    def vectors(self) -> Array:
        """Embeddings of the trained titles in the first draw, row 0 for any other: [n + 1, k]."""
        return self.embeddings[0, : len(self.draws[0].items)]

    def of_user(self, user: int) -> UserWeights:
        """Look up a user by row of the user table; row 0 is any unknown user."""
        row = int(self.row(np.array(user)))
        weights = np.array([draw.users[row] for draw in self.draws], np.float32)
        return UserWeights(weights, np.array([draw.noise[row] for draw in self.draws], np.float32))

    def of_users(self, draw: Draw, user: Array) -> Array:
        """Return the weights of users in one draw: float32 [users, n]."""
        return draw.users[self.row(user)].astype(np.float32)

    def row(self, user: Array) -> Array:
        """Return users' rows in the draws, 0 for users without training ratings."""
        return np.where(user < len(self.draws[0].users), user, 0)

    def latent(self, weights: Array, titles: slice | Ints = slice(None)) -> Array:
        """(1): return the scores of titles for one user's weights: float32 [draws, titles]."""
        sides = self.embeddings[:, titles], self.offset[:, titles], self.attributes[titles]
        return latent_scores(self.layout, weights, *sides)

    def latent_pairs(self, user: Array, item: Array) -> Iterator[tuple[Draw, Array, Array]]:
        """Yield each draw, the scores of pairs, and the precision of the users' noise.

        Args:
            user: rows of the user table [users].
            item: rows of the item table [users, n].
        """
        attributes, row = self.attributes[item], self.row(user)
        for index, draw in enumerate(self.draws):
            sides = self.embeddings[index][item], self.offset[index][item], attributes
            score = latent_scores(self.layout, self.of_users(draw, user), *sides)
            yield draw, score, draw.noise[row, None]

    def every(self, step: int) -> "Factors":
        """Return the weights of every ``step``-th draw, without copying them."""
        part = copy.copy(self)
        part.__dict__.pop("noise", None)
        part.draws = self.draws[::step]
        part.embeddings, part.offset = self.embeddings[::step], self.offset[::step]
        return part

    def subset(self, titles: Ints) -> "Factors":
        """Return the same weights for some titles only, rows of the item table [n]."""
        part = copy.copy(self)
        part.embeddings, part.offset = self.embeddings[:, titles], self.offset[:, titles]
        part.attributes = self.attributes[titles]
        return part
