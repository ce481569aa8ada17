"""A user to recommend to, of the training data or new."""

from typing import NamedTuple

import numpy as np

from pipeline.arrays import Array, Floats, Ints
from pipeline.recommender.blas import ONE_THREAD
from pipeline.recommender.fold_in import UserPosterior, fold_in
from pipeline.recommender.neighbours import residuals
from pipeline.recommender.scorer import Scorer, Taste

NOTHING = np.zeros(0, np.int64)


class OnList(NamedTuple):
    """What else is on a user's list, as rows of the item table.

    Attributes:
        watched: titles that the user watched, at least in part, without rating them [n].
        dropped: titles that the user dropped, rated or not [n].
        planned: titles that the user plans to watch [n].
        ignored: titles that are out of account: they are evidence of nothing [n].
    """

    watched: Ints = NOTHING
    dropped: Ints = NOTHING
    planned: Ints = NOTHING
    ignored: Ints = NOTHING


class Person(NamedTuple):
    """A user to recommend to.

    Attributes:
        taste: the user's side of the model.
        item: rows of the rated titles in the item table [n].
        rating: their ratings [n].
        residual: ratings minus predictions, without what similar titles add; None for a user of
            the training data.
        also: what else is on the user's list.
        posterior: the posterior given these ratings, of the weights that reasons come from; None
            for a user of the training data.
    """

    taste: Taste
    item: Array
    rating: Array
    residual: Array | None = None
    also: OnList = OnList()
    posterior: UserPosterior | None = None

    @property
    def evidence(self) -> Ints:
        """Rows of the titles that tell what else the user would watch, rated ones first."""
        return np.concatenate([self.item, self.also.watched])


def told(scorer: Scorer, item: Ints, rating: Floats, also: OnList | None = None) -> Person:
    """Fold in a new user.

    Args:
        scorer: the model.
        item: rows of the rated titles in the item table [n].
        rating: their ratings [n].
        also: what else is on the user's list; what is ignored in it is not in ``item``.
    """
    with ONE_THREAD:
        return _told(scorer, item, rating, also or OnList())


def _told(scorer: Scorer, item: Ints, rating: Floats, also: OnList) -> Person:
    listed = np.concatenate([item, also.watched])
    factors = scorer.network.factors
    posterior = fold_in(factors, item, rating, network=scorer.network, listed=listed)
    taste = Taste(0, posterior.user, None)
    if scorer.posterior:
        draws = fold_in(scorer.posterior, item, rating, listed=listed)
        taste, posterior = taste._replace(draws=draws.user), draws.every(scorer.step)
    residual = residuals(rating, scorer.subset(item).scores(taste))
    if scorer.neighbours:
        of_titles = np.zeros(scorer.n_titles, np.float32)
        of_titles[item] = residual
        taste = taste._replace(residual=of_titles)
    return Person(taste, item, rating, residual, also, posterior)


def explained(scorer: Scorer, person: Person) -> UserPosterior:
    """Attribute the weights of a user of the training data to their ratings."""
    weights, of_network = person.taste.draws, person.taste.network
    if scorer.posterior and weights:
        some = weights.every(scorer.step)
        return fold_in(scorer.explained, person.item, person.rating, some)
    network = scorer.network
    return fold_in(network.factors, person.item, person.rating, of_network, network)
