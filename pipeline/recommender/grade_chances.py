"""How sure the model is: the chance of each grade, and of liking a title.

The distribution is a mixture: each posterior draw has its own (3), the network a normal one, and
they count as in a prediction (10). Numbers in parentheses are those of the equations in
docs/model.md.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from pipeline.arrays import Array, Ints
from pipeline.recommender.grades import lowest_liked
from pipeline.recommender.scorer import Scorer, Taste

PAIRS = 2048  # pairs at a time: bounds memory


class Outlook(NamedTuple):
    """What ratings some titles will have.

    Attributes:
        prediction: the expected ratings (10): float32 [n].
        tails: chance of more than each grade but the highest: float32 [n, grades - 1].
    """

    prediction: Array
    tails: Array


class GradeChances:
    """Distributions of ratings.

    Args:
        scorer: the model.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.liked = lowest_liked(scorer.scale) - scorer.scale[0] - 1  # column of the tails

    @cached_property
    def _cuts(self) -> Array:
        """Thresholds between the grades: those of the network, then of each draw: [1 + draws, g].

        Where ratings are numbers, a grade is what lies within half a point of it.
        """
        halves = np.arange(*self.scorer.scale, dtype=np.float32) + 0.5
        draws = self.scorer.posterior.draws if self.scorer.posterior else []
        cuts = [halves, *(draw.cuts if len(draw.cuts) else halves for draw in draws)]
        return np.stack(cuts).astype(np.float32)

    @cached_property
    def _shares(self) -> Array:
        """Share of the network, then of each draw: float32 [1 + draws]."""
        shares = self.scorer.shares
        return np.concatenate([[1 - shares.sum()], shares]).astype(np.float32)

    def outlook(self, taste: Taste, rows: Ints) -> Outlook:
        """Return the outlook of a user on some titles, rows of the item table [n]."""
        scorer = self.scorer
        score, noise = self._latent(taste, rows)
        tails = self._tails(score, noise, 0)
        graded = np.zeros(len(score), bool)
        if scorer.posterior:
            graded[1:] = [len(draw.cuts) > 0 for draw in scorer.posterior.draws]
        values = np.clip(score, *scorer.scale)
        values[graded] = scorer.scale[0] + tails[graded].sum(2)
        shares = self._shares
        return Outlook(shares @ values, np.tensordot(shares, tails, 1))

    def gain(self, taste: Taste, rows: Ints) -> Array:
        """(16): return the expected gain of some titles for a user: float32 [n]."""
        tails = self._tails(*self._latent(taste, rows), self.liked)
        return self._shares @ tails.sum(2)

    def _latent(self, taste: Taste, rows: Ints) -> tuple[Array, Array]:
        """Return scores [1 + draws, n] of some titles, the network's first, and precisions."""
        scorer = self.scorer
        shift = np.zeros(len(rows), np.float32)
        network, noise = scorer.network, taste.network.noise
        if scorer.neighbours and taste.residual is not None:
            shift = scorer.neighbours.subset(rows).shift(taste.residual)
        score = network.predict(taste.user, taste.network.weights, rows)[None]
        if scorer.posterior and taste.draws:
            score = np.concatenate([score, scorer.posterior.latent(taste.draws.weights, rows)])
            noise = np.concatenate([noise, taste.draws.noise])
        return score + shift, noise

    def _tails(self, score: Array, noise: Array, first: int) -> Array:
        """Return the chance of more than each grade from ``first``: [1 + draws, n, grades]."""
        cuts = self._cuts[:, None, first:]
        above = (score[:, :, None] - cuts) * np.sqrt(noise)[:, None, None].astype(np.float32)
        return ndtr(above)

    def tails_pairs(self, user: Array, item: Array, first: int = 0) -> Array:
        """Return the chance of more than each grade from ``first`` of many pairs.

        Args:
            user: rows of the user table [users].
            item: rows of the item table [users, n].
            first: the lowest of these grades, counted from 0.

        Returns:
            float32 [users, n, grades].
        """
        scorer = self.scorer
        network, draws = scorer.latent_pairs(user, item)
        noise = scorer.network.factors.draws[0].noise[0]
        cuts, shares = self._cuts[:, first:], self._shares
        total = shares[0] * ndtr((network[..., None] - cuts[0]) * np.sqrt(noise))
        for (_, score, precision), cut, share in zip(draws, cuts[1:], shares[1:], strict=True):
            root = np.sqrt(precision)[..., None].astype(np.float32)
            total += share * ndtr((score[..., None] - cut) * root)
        return total

    def gain_pairs(self, user: Array, item: Array) -> Array:
        """(16): return the expected gain of n titles for each of many users: [users, n]."""
        return self.tails_pairs(user, item, self.liked).sum(-1)

    def of_pairs(self, user: Ints, item: Ints) -> Array:
        """Return the chance of more than each grade but the highest, of pairs [n]: [n, grades]."""
        parts = [np.zeros((0, self._cuts.shape[1]), np.float32)]
        for start in range(0, len(user), PAIRS):
            some = slice(start, start + PAIRS)
            parts.append(self.tails_pairs(user[some], item[some, None])[:, 0])
        return np.concatenate(parts)
