"""The Wide & Deep network's predictions in NumPy.

Each title's share of the first layer is precomputed, so a user costs one row of it. Numbers in
parentheses are those of the equations in docs/model.md.
"""

import copy
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from pipeline.arrays import Array, Ints
from pipeline.artifact.formulas import hashed_cross, rating_history

CHUNK = 2048  # titles sent through the layers at a time: small enough for the CPU's cache


class Network:
    """Predicts ratings from the arrays that ``model.network.export`` wrote.

    Attributes:
        arrays: the arrays by name.
        wide, deep: whether the network has this part.
        n_titles: rows of the item table; row 0 stands for any unknown title.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.arrays = arrays = dict(file)
        self.wide, self.deep = "codes" in arrays, "hidden" in arrays
        self.n_titles = len(arrays["codes" if self.wide else "hidden"])
        if self.wide:
            titles, slots = np.nonzero(arrays["codes"] >= 0)
            values = np.stack([arrays["codes"][titles, slots].astype(np.int64), slots], 1)
            self._values, column = np.unique(values, axis=0, return_inverse=True)
            shape = self.n_titles, len(self._values)
            self._shares = csr_array((arrays["shares"][titles, slots], (titles, column)), shape)
            row = np.arange(self.n_titles)
            self._bias = arrays["item_bias"][np.where(row < len(arrays["item_bias"]), row, 0)]
        if self.deep:
            layers = range(sum(name.startswith("kernel") for name in arrays))
            self._layers = [(arrays[f"kernel{i}"], arrays[f"bias{i}"]) for i in layers]

    def subset(self, titles: Ints) -> "Network":
        """Return the same network for some titles only, rows of the item table [n]."""
        part = copy.copy(self)
        per_title = [name for name in ("codes", "shares", "hidden") if name in self.arrays]
        part.arrays = self.arrays | {name: self.arrays[name][titles] for name in per_title}
        part.n_titles = len(titles)
        if self.wide:
            part._shares, part._bias = self._shares[titles], self._bias[titles]
        return part

    def title_vectors(self) -> Array | None:
        """Return each trained title's share of the first ReLU layer; None without a deep part.

        Returns:
            float32 [trained titles + 1, units]; row 0 stands for any other title.
        """
        return self.arrays["hidden"][: self.arrays["n_trained"] + 1] if self.deep else None

    def linear(self, user: int) -> Array | None:
        """Return the wide part's term for each title, float32 [titles]; None without that part."""
        if not self.wide:
            return None
        arrays = self.arrays
        user = user if user < len(arrays["user_bias"]) else 0
        total = self._bias + arrays["user_bias"][user]
        if user:  # the crosses of an unknown user would share other users' buckets
            code, slot = self._values.T
            total = total + self._shares @ arrays["cross"][self._bucket(user, code, slot)]
        return total

    def predict(self, first_layer: Array | None, linear: Array | None, titles: slice) -> Array:
        """Predict a range of titles for one user: float32 [n], not clipped to the scale.

        Args:
            first_layer: the user's share of the first layer, from ``user_side``.
            linear: the wide part's terms, from ``linear``.
            titles: rows of the item table.
        """
        total = np.full(titles.stop - titles.start, self.arrays["scale"][0], np.float32)
        if linear is not None:
            total += linear[titles]
        if first_layer is not None:
            hidden = self.arrays["hidden"]
            starts = range(titles.start, titles.stop, CHUNK)
            ends = [min(start + CHUNK, titles.stop) for start in starts]
            total += np.concatenate(
                [
                    self._through(hidden[a:b] + first_layer)
                    for a, b in zip(starts, ends, strict=True)
                ]
            )
        return total

    def user_side(self, user: Array, ratings: tuple[Array, Array]) -> Array | None:
        """Return users' shares of the first layer, biases included; None without a deep part.

        Args:
            user: rows of the user table [users]; a new user has row 0.
            ratings: sum and number of each user's ratings [users].

        Returns:
            float32 [users, units].
        """
        if not self.deep:
            return None
        arrays, (total, count) = self.arrays, ratings
        history = rating_history(total, count, np.log1p(count), arrays["scale"][:4])
        embedding = arrays["user"][np.where(user < len(arrays["user"]), user, 0)]
        inputs = np.column_stack([embedding, arrays["numbers"][user], *history])
        kernel = arrays["kernel0"][arrays["of_user"]]
        return (inputs @ kernel + arrays["bias0"]).astype(np.float32)

    def pairs(self, user: Array, first_layer: Array | None, item: Array) -> Array:
        """Predict n titles for each of many users: float32 [users, n], not clipped to the scale.

        Args:
            user: rows of the user table [users].
            first_layer: the users' shares of the first layer, from ``user_side``.
            item: rows of the item table [users, n].
        """
        arrays = self.arrays
        total = np.full(item.shape, arrays["scale"][0], np.float32)
        if self.wide:
            row = np.where(user < len(arrays["user_bias"]), user, 0)[:, None]
            codes, shares = arrays["codes"][item], arrays["shares"][item]
            bucket = self._bucket(row[..., None], np.maximum(codes, 0), np.arange(codes.shape[-1]))
            crossed = (arrays["cross"][bucket] * shares).sum(-1)
            total += self._bias[item] + arrays["user_bias"][row] + np.where(row > 0, crossed, 0)
        if first_layer is not None:
            layer = arrays["hidden"][item] + first_layer[:, None]
            total += self._through(layer.reshape(-1, layer.shape[-1])).reshape(item.shape)
        return total

    def _through(self, layer: Array) -> Array:
        """Pass sums of the first layer, which are overwritten, through the rest: float32 [n]."""
        for kernel, bias in self._layers[1:]:
            layer = np.maximum(layer, 0, out=layer) @ kernel
            layer += bias
        return layer[:, 0]

    def _bucket(self, user: Array | int, code: Array, slot: Array) -> Array:
        """(8): return the bucket of each user × value cross, int64; arguments broadcast."""
        left = np.atleast_1d(user).astype(np.uint64)
        salt, buckets = self.arrays["salts"][slot], len(self.arrays["cross"])
        right = code.astype(np.uint64)
        return hashed_cross(left, right, salt, buckets, np.right_shift, np.bitwise_xor).astype(
            np.int64
        )
