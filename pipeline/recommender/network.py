"""The network's predictions in NumPy, all that is known of the titles multiplied out."""

from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from pipeline.arrays import Array
from pipeline.artifact.folder import SHRINK

BLOCK = 2048  # rows that go through the layers at a time: they stay in the cache


class Network:
    """Predicts titles for users from the arrays that ``model.export`` wrote."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.arrays = known = dict(file)
        self.wide, self.deep = "codes" in known, "hidden" in known
        if self.wide:
            titles, places = np.nonzero(known["codes"] >= 0)
            pairs = np.stack([known["codes"][titles, places].astype(np.int64), places], 1)
            self._crossed, pair = np.unique(pairs, axis=0, return_inverse=True)
            shape = len(known["codes"]), len(self._crossed)
            self._shares = csr_array((known["shares"][titles, places], (titles, pair)), shape)
            row = np.arange(shape[0])
            self._bias = known["item_bias"][np.where(row < len(known["item_bias"]), row, 0)]
        if self.deep:
            layers = range(sum(name.startswith("kernel") for name in known))
            self._layers = [(known[f"kernel{i}"], known[f"bias{i}"]) for i in layers]

    def linear(self, user: int) -> Array | None:
        """Return what the wide part adds for each title, float32 [titles]; None without one."""
        if not self.wide:
            return None
        known = self.arrays
        user = user if user < len(known["user_bias"]) else 0
        total = self._bias + known["user_bias"][user]
        if user:  # an unknown user has no weights, but strangers' ones
            code, place = self._crossed.T
            total = total + self._shares @ known["cross"][self._bucket(user, code, place)]
        return total

    def predict(self, own: Array | None, linear: Array | None, titles: slice) -> Array:
        """Predict some of the titles for a user: float32 [n], not clipped.

        Args:
            own: what ``described`` returns of the user.
            linear: what ``linear`` returns of the user.
            titles: rows of the item table.
        """
        total = np.full(titles.stop - titles.start, self.arrays["scale"][0], np.float32)
        if linear is not None:
            total += linear[titles]
        if own is not None:
            hidden = self.arrays["hidden"]
            starts = range(titles.start, titles.stop, BLOCK)
            ends = [min(start + BLOCK, titles.stop) for start in starts]
            parts = [self._through(hidden[a:b] + own) for a, b in zip(starts, ends, strict=True)]
            total += np.concatenate(parts)
        return total

    def described(self, user: Array, ratings: tuple[Array, Array]) -> Array | None:
        """Return what users bring to the first ReLU layer, float32 [users, units]; None without it.

        Args:
            user: their indices [users]; 0, or one beyond those trained on, for any other.
            ratings: sum and number of the ratings each gave [users].
        """
        if not self.deep:
            return None
        known, (total, count) = self.arrays, ratings
        mean, deviation, middle, spread = known["scale"][:4]
        above = (total - count * mean) / (count + SHRINK) / deviation
        often = (np.log1p(count) - middle) / spread
        row = known["user"][np.where(user < len(known["user"]), user, 0)]
        own = np.column_stack([row, known["numbers"][user], above, often])
        return (own @ known["kernel0"][known["own"]] + known["bias0"]).astype(np.float32)

    def pairs(self, user: Array, own: Array | None, item: Array) -> Array:
        """Predict titles of many users: float32 [users, n], not clipped.

        Args:
            user: their indices [users].
            own: what ``described`` returns of them.
            item: rows of the item table, n for each user: [users, n].
        """
        known = self.arrays
        total = np.full(item.shape, known["scale"][0], np.float32)
        if self.wide:
            row = np.where(user < len(known["user_bias"]), user, 0)[:, None]
            codes, shares = known["codes"][item], known["shares"][item]
            bucket = self._bucket(row[..., None], np.maximum(codes, 0), np.arange(codes.shape[-1]))
            crossed = (known["cross"][bucket] * shares).sum(-1)
            total += self._bias[item] + known["user_bias"][row] + np.where(row > 0, crossed, 0)
        if own is not None:
            layer = known["hidden"][item] + own[:, None]
            total += self._through(layer.reshape(-1, layer.shape[-1])).reshape(item.shape)
        return total

    def _through(self, layer: Array) -> Array:
        for kernel, bias in self._layers[1:]:
            layer = np.maximum(layer, 0, out=layer) @ kernel
            layer += bias
        return layer[:, 0]

    def _bucket(self, user: Array | int, code: Array, place: Array) -> Array:
        """Hash users with codes as ``model.wide.hashed_cross`` does: int64 [n]."""
        key = (np.asarray(user).astype(np.uint64) << np.uint64(32)) + code.astype(np.uint64)
        with np.errstate(over="ignore"):
            key += (self.arrays["salts"][place] + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
                key = (key ^ (key >> np.uint64(33))) * np.uint64(factor)
        return ((key ^ (key >> np.uint64(33))) % np.uint64(len(self.arrays["cross"]))).astype(int)
