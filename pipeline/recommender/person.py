"""A user to recommend to, of the training data or new."""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, Floats, Ints
from pipeline.recommender.fold_in import UserPosterior, fold_in
from pipeline.recommender.neighbours import residuals
from pipeline.recommender.scorer import Scorer, Taste


class Person(NamedTuple):
    """A user to recommend to.

    Attributes:
        taste: the user's side of the model.
        item: rows of the rated titles in the item table [n].
        rating: their ratings [n].
        posterior: the posterior given these ratings, of the weights that reasons come from; None
            for a user of the training data.
    """

    taste: Taste
    item: Array
    rating: Array
    posterior: UserPosterior | None = None


def told(scorer: Scorer, item: Ints, rating: Floats) -> Person:
    """Fold in a new user: rows of the rated titles in the item table [n], and their ratings [n]."""
    network = fold_in(scorer.network.factors, item, rating, network=scorer.network)
    draws = fold_in(scorer.posterior, item, rating) if scorer.posterior else None
    taste = Taste(0, network.user, draws.user if draws else None)
    if scorer.neighbours:
        residual = np.zeros(scorer.n_titles, np.float32)
        residual[item] = residuals(rating, scorer.subset(item).scores(taste))
        taste = taste._replace(residual=residual)
    return Person(taste, item, rating, draws or network)


def explained(scorer: Scorer, person: Person) -> UserPosterior:
    """Attribute the weights of a user of the training data to their ratings."""
    weights, of_network = person.taste.draws, person.taste.network
    if scorer.posterior and weights:
        return fold_in(scorer.posterior, person.item, person.rating, weights)
    network = scorer.network
    return fold_in(network.factors, person.item, person.rating, of_network, network)
