"""The Wide & Deep network's predictions in NumPy.

A pair's score is formula (1) with the network's weights, plus the ReLU layers and the hashed weight
of user × title (6). Numbers in parentheses are those of the equations in docs/model.md.
"""

import copy

import numpy as np

from pipeline.arrays import Array, Ints
from pipeline.artifact.draws import Kept
from pipeline.artifact.formulas import hashed_cross
from pipeline.artifact.scale import Scale
from pipeline.recommender.factors import Factors

CHUNK = 2048  # titles sent through the layers at a time: small enough for the CPU's cache


class Network:
    """Predicts ratings from the arrays that ``model.network.export`` wrote.

    Args:
        kept: the weights of users and titles.
        arrays: the other arrays by name.
        scale: the scale of the ratings.

    Attributes:
        factors: the weights of users and titles, as one draw.
        titles: rows of the item table; row 0 stands for any unknown title: int64 [titles].
    """

    def __init__(self, kept: Kept, arrays: dict[str, Array], scale: Scale) -> None:
        self.factors = Factors(kept, scale)
        self.titles = np.arange(len(kept.attributes))
        layers = range(sum(name.startswith("kernel") for name in arrays))
        self._layers = [(arrays[f"kernel{i}"], arrays[f"bias{i}"]) for i in layers]
        self._pair = arrays.get("pair")
        self._trained = len(kept.draws[0].items)

    def subset(self, titles: Ints) -> "Network":
        """Return the same network for some titles only, rows of the item table [n]."""
        part = copy.copy(self)
        part.factors, part.titles = self.factors.subset(titles), self.titles[titles]
        return part

    def predict(self, user: int, weights: Array, titles: slice | Ints = slice(None)) -> Array:
        """Predict titles for one user: float32 [titles], not clipped to the scale.

        Args:
            user: row of the user table, 0 for a new user.
            weights: the user's weights: float32 [1, n].
            titles: which titles.
        """
        score = self.factors.latent(weights, titles)[0]
        rows = self.titles[titles]
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            vectors = self.factors.embeddings[0, titles][part]
            score[part] += self.perceptron(weights, vectors[None])[0]
        return score + self._hashed(np.array([user]), rows[None])[0]

    def pairs(self, user: Array, item: Array) -> Array:
        """Predict n titles for each of many users: float32 [users, n], not clipped to the scale.

        Args:
            user: rows of the user table [users].
            item: rows of the item table, or of the subset [users, n].
        """
        ((draw, score, _),) = self.factors.latent_pairs(user, item)
        weights = self.factors.of_users(draw, user)
        score += self.perceptron(weights, self.factors.embeddings[0][item])
        return score + self._hashed(user, self.titles[item])

    def perceptron(self, weights: Array, vectors: Array) -> Array:
        """Return the outputs of the ReLU layers, 0 without a deep part: float32 [users, n].

        Args:
            weights: the users' weights: [users, m].
            vectors: vectors of titles: [users, n, k].
        """
        if not self._layers:
            return np.zeros(vectors.shape[:2], np.float32)
        (kernel, bias), *rest = self._layers
        of_user, of_title, of_product = np.split(kernel, 3)
        vector = weights[:, : len(of_user)].astype(np.float32)
        # One product with the titles: both their own kernel, and that of the product with the user.
        joint = of_title + vector[:, :, None] * of_product
        layer = np.matmul(vectors, joint) + (vector @ of_user + bias)[:, None]
        for kernel, bias in rest:
            layer = np.maximum(layer, 0, out=layer) @ kernel
            layer += bias
        return layer[..., 0]

    def _hashed(self, user: Array, item: Array) -> Array:
        """(8): return the hashed weights of pairs: users [users], titles [users, n]."""
        if self._pair is None:
            return np.zeros(item.shape, np.float32)
        row = self.factors.row(user)[:, None]
        sides = row.astype(np.uint64), item.astype(np.uint64)
        bucket = hashed_cross(*sides, len(self._pair), np.right_shift, np.bitwise_xor)
        known = (row > 0) & (item > 0) & (item < self._trained)
        return np.where(known, self._pair[bucket.astype(np.int64)], 0)
