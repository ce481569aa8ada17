"""Shares of the network and of each posterior member in a prediction, fitted to validation rows."""

import numpy as np
from scipy.optimize import nnls

from pipeline.arrays import Array, Floats, Ints
from pipeline.artifact.scale import Scale
from pipeline.recommender.factors import Factors
from pipeline.recommender.grades import expected
from pipeline.recommender.network import Network

ROWS = 50_000  # at most so many validation rows
PSEUDO_COUNT = 1000  # shrinks shares towards equal ones as if by so many ratings
SUM = 1e4  # weight of the condition that shares add up to 1
CHUNK = 8192  # pairs predicted at a time: bounds memory


def fit_shares(
    network: Network,
    posterior: Factors,
    members: int,
    scale: Scale,
    pairs: tuple[Ints, Ints],
    rating: Floats,
) -> Floats:
    """Fit the shares of the network, then of each member: float64 [1 + members].

    Args:
        network: the trained network.
        posterior: the draws of all members, one member after the other, equally many of each.
        members: number of members.
        scale: the scale of the ratings.
        pairs: user and item of the validation rows: int32 [n] each.
        rating: their ratings [n].
    """
    step = -(-len(rating) // ROWS)
    user, item = (column[::step] for column in pairs)
    parts = []
    for start in range(0, len(user), CHUNK):
        some = user[start : start + CHUNK], item[start : start + CHUNK, None]
        draws = [
            expected(score, noise, draw.cuts, scale)[:, 0]
            for draw, score, noise in posterior.latent_pairs(*some)
        ]
        means = np.reshape(draws, (members, -1, len(some[0]))).mean(1)
        parts.append(np.vstack([scale.clip(network.pairs(*some))[:, 0], means]))
    return shares(np.concatenate(parts, 1), rating[::step])


def shares(predictions: Array, rating: Floats) -> Floats:
    """Return the weights of a mean with the least squared error: none negative, their sum is 1.

    A ridge penalty draws them towards equal weights, the more so the fewer ratings there are.

    Args:
        predictions: of each contender [m, n].
        rating: the ratings [n].
    """
    number = len(predictions)
    apart = float(predictions.var(axis=0).mean()) or 1.0
    ridge = np.sqrt(PSEUDO_COUNT * apart) * np.eye(number)
    one = np.full((1, number), SUM * np.sqrt(apart * len(rating)))
    centre = rating.mean()
    left = np.concatenate([predictions.T - centre, ridge, one])
    right = np.concatenate([rating - centre, ridge.sum(1) / number, one[0, :1]])
    found, _ = nnls(left, right)
    return found / found.sum()
