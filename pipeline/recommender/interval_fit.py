"""Fits the intervals of a model to its validation rows.

Numbers in parentheses are those of the equations in docs/model.md.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Array, Floats
from pipeline.artifact.intervals import Intervals
from pipeline.artifact.scale import Scale
from pipeline.recommender.grade_chances import GradeChances, complete
from pipeline.recommender.intervals import Known, spreads
from pipeline.recommender.scorer import Scorer

HELD = 0.8  # share of ratings that an interval shall hold
ROWS = 10_000  # most validation rows that the level is fitted to


def fit_coefficients(tails: Array, rating: Floats, scale: Scale, known: Known) -> Floats:
    """Fit the coefficients of the level: float64 [5].

    A rating is in an interval of some level if it is at most so far from the middle of its
    distribution. The level is the quantile HELD of this distance.

    Args:
        tails: chance of more than each grade but the highest, of validation rows [n, grades - 1].
        rating: their ratings [n].
        scale: the scale of the ratings.
        known: what the level depends on.
    """
    from sklearn.linear_model import QuantileRegressor  # takes a second, and not all workers fit

    step = -(-len(rating) // ROWS)
    above, rows = complete(tails[::step]), np.arange(len(rating[::step]))
    grade = scale.grade(rating[::step])
    middle = (above[rows, grade] + above[rows, grade + 1]) / 2  # half of its own grade is below it
    columns = known.columns()[::step]
    line = QuantileRegressor(quantile=HELD, alpha=0).fit(columns, np.abs(1 - 2 * middle))
    return np.array([line.intercept_, *line.coef_])


def fit_intervals(
    scorer: Scorer, trained: Sequence[Array], valid: tuple[dict[str, Array], Floats]
) -> Intervals:
    """Fit the intervals of a model.

    Args:
        scorer: the model, without the residuals of the validation rows.
        trained: user, item and residual of the training rows [n].
        valid: user and item of the validation rows, and their ratings.
    """
    user, item, residual = trained
    mean = float(np.mean(residual.astype(np.float64) ** 2))
    sides = ((user, scorer.n_users), (item, scorer.n_titles))
    of_users, of_titles = (spreads(rows, residual, size, mean) for rows, size in sides)
    users, titles = (np.bincount(rows, minlength=size) for rows, size in sides)
    pairs, rating = valid
    u, i = pairs["user"], pairs["item"]
    known = Known(users[u], titles[i], of_users[u], of_titles[i])
    tails = GradeChances(scorer).of_pairs(u, i).tails
    coefficients = fit_coefficients(tails, rating, scorer.scale, known)
    return Intervals(coefficients, of_users, of_titles, np.array(mean))
