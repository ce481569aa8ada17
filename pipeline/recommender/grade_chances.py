"""How sure the model is: the chance of each grade, and of liking a title.

The distribution is a mixture: each posterior draw has its own (3), the network a normal one, and
they count as in a prediction (10). Numbers in parentheses are those of the equations in
docs/model.md.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from pipeline.arrays import Array, Floats, Ints
from pipeline.recommender.blas import ONE_THREAD
from pipeline.recommender.scorer import Scorer, Taste

PAIRS = 2048  # pairs at a time: bounds memory
MIN_PROBABILITY = 1e-12  # float32 draws do not resolve less


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
        self.liked = scorer.scale.liked - 1  # column of the tails

    @cached_property
    def _cuts(self) -> Array:
        """Thresholds between the grades: those of the network, then of each draw: [1 + draws, g].

        Where ratings are numbers, a grade is what lies within half a step of it.
        """
        halves = self.scorer.scale.midpoints
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
        values = scorer.scale.clip(score)
        values[graded] = scorer.scale.rating(tails[graded].sum(2))
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

    def gain_pairs(self, user: Array, item: Array) -> Array:
        """(16): return the expected gain of n titles for each of many users: float32 [users, n].

        Args:
            user: rows of the user table [users].
            item: rows of the item table [users, n].
        """
        network, draws = self.scorer.latent_pairs(user, item)
        cuts, shares = self._cuts[:, self.liked :], self._shares
        total = shares[0] * self._network_tails(network, cuts[0]).sum(-1)
        for (_, score, noise), some, share in zip(draws, cuts[1:], shares[1:], strict=True):
            root = np.sqrt(noise)
            for cut in some:  # one threshold at a time stays in the CPU's cache
                total += share * ndtr((score - cut) * root)
        return total.astype(np.float32)

    def of_pairs(self, user: Ints, item: Ints) -> Outlook:
        """Return the outlook of pairs, rows of the two tables [n]."""
        scorer, cuts, shares = self.scorer, self._cuts, self._shares
        scale = scorer.scale

        def part(start: int) -> Outlook:
            some = user[start : start + PAIRS], item[start : start + PAIRS, None]
            network, draws = scorer.latent_pairs(*some)
            tails = shares[0] * self._network_tails(network[:, 0], cuts[0])
            value = shares[0] * scale.clip(network[:, 0])
            for (draw, score, noise), cut, share in zip(draws, cuts[1:], shares[1:], strict=True):
                own = ndtr((score - cut) * np.sqrt(noise))
                tails += share * own
                exact = scale.rating(own.sum(1)) if len(draw.cuts) else scale.clip(score[:, 0])
                value += share * exact
            return Outlook(value.astype(np.float32), tails.astype(np.float32))

        with ONE_THREAD:
            parts = list(scorer.pool.map(part, range(0, len(user), PAIRS)))
        none = Outlook(np.zeros(0, np.float32), np.zeros((0, cuts.shape[1]), np.float32))
        return Outlook(*(np.concatenate(both) for both in zip(none, *parts, strict=True)))

    def _network_tails(self, score: Array, cuts: Array) -> Array:
        """Return the network's chances of more than some grades: [..., grades]."""
        noise = self.scorer.network.factors.draws[0].noise[0]
        return ndtr((score[..., None] - cuts) * np.sqrt(noise))

    def log_likelihood(self, tails: Array, rating: Floats) -> Floats:
        """Return the logarithm of the chance of each rating (nats): float64 [n].

        Args:
            tails: chance of more than each grade but the highest [n, grades - 1].
            rating: the ratings, on the scale [n]; each counts as the nearest grade.
        """
        above = complete(tails)
        grade, rows = self.scorer.scale.grade(rating), np.arange(len(rating))
        chance = above[rows, grade] - above[rows, grade + 1]
        return np.log(np.maximum(chance, MIN_PROBABILITY))


def complete(tails: Array) -> Floats:
    """Add what is certain to chances of more than each grade but the highest: [n, grades + 1].

    They begin with the chance of more than one below the lowest grade, and end with that of more
    than the highest.
    """
    some = tails.astype(np.float64)
    return np.pad(np.pad(some, [(0, 0), (1, 0)], constant_values=1), [(0, 0), (0, 1)])
