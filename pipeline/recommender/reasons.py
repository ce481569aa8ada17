"""Reasons for a recommendation: the parts of a prediction, computed from the model's weights.

The parts sum to the prediction. A rated title contributes the shift that its rating made in the
user's embedding, times the candidate's embedding, and what it adds as a similar title; biases and
crosses contribute their terms.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array
from pipeline.recommender.factors import Factors
from pipeline.recommender.fold_in import UserPosterior

NOUNS = {
    "genres": "genre", "studios": "studio", "ratings": "number of ratings",
    "episodes": "number of episodes", "year": "year of its start",
}  # fmt: skip


class Parts(NamedTuple):
    """The parts of one prediction, in rating points.

    Attributes:
        base: the intercept and the user's bias.
        title: the title's bias.
        crosses: each attribute of the title in words, and the term of its cross with the user.
        rated: the contribution of each rated title [n].
        embedding: the rest of the product of embeddings, mainly that of the prior mean.
        rest: what these weights do not explain: the ReLU layers, and with draws the whole network
            and the difference between a latent score and the expected rating.
    """

    base: float
    title: float
    crosses: list[tuple[str, float]]
    rated: Array
    embedding: float
    rest: float

    def total(self) -> float:
        """Return the sum of the parts."""
        plain = self.base + self.title + self.embedding + self.rest
        return plain + sum(points for _, points in self.crosses) + float(self.rated.sum())


class Reasons:
    """Splits predictions into parts.

    Args:
        folder: the model's folder.
        factors: weights of the same model, loaded.
    """

    def __init__(self, folder: Path, factors: Factors) -> None:
        self.factors = factors
        words = pq.read_table(folder / "vocabularies.parquet").to_pylist()
        self.words = {(word["feature"], word["index"]): word["value"] for word in words}

    def parts(
        self, posterior: UserPosterior, rows: Array, score: Array, similar: Array
    ) -> list[Parts]:
        """Split a user's predictions of some titles into parts.

        Args:
            posterior: the posterior of the user's weights.
            rows: rows of the titles in the item table [n].
            score: the user's predictions of these titles [n].
            similar: what each rated title adds to them as a similar title [n, rated].
        """
        factors = self.factors
        constant = float(np.mean([draw.intercept for draw in factors.draws]))
        embedding, bias, crosses = factors.layout.split(posterior.user.weights)
        base = constant + (float(bias.mean()) if factors.layout.wide else 0.0)
        product = np.einsum("dtm,dm->t", factors.embeddings[:, rows], embedding) / len(embedding)
        rated = self._rated(posterior, rows)
        mean_crosses = crosses.mean(0) if factors.layout.wide else None
        split = list[Parts]()
        for index, row in enumerate(rows):
            title = float(factors.offset[:, row].mean()) - constant
            named = self._crosses(mean_crosses, int(row)) if mean_crosses is not None else []
            left = float(product[index] - rated[index].sum())
            parts = Parts(base, title, named, rated[index] + similar[index], left, 0.0)
            split.append(parts._replace(rest=float(score[index]) - parts.total()))
        return split

    def _rated(self, posterior: UserPosterior, rows: Array) -> Array:
        """Return the contribution of each rated title to each title's score [titles, rated]."""
        vectors = self.factors.embeddings[:, rows]
        back = np.matmul(vectors, posterior.covariance[:, : self.factors.layout.embedding])
        drawn = np.matmul(back, posterior.design.swapaxes(1, 2)) * posterior.pull[:, None]
        return drawn.mean(0)

    def _crosses(self, weights: Array, row: int) -> list[tuple[str, float]]:
        """Return each attribute of a title in words, and the term of its cross with the user.

        Args:
            weights: the user's weights of crosses, mean over draws [m].
            row: the title's row in the item table.
        """
        attributes, named = self.factors.attributes[row], []
        for column in np.flatnonzero(attributes):
            name, code = self.factors.labels[column]
            noun = NOUNS.get(name, name)
            words = f"{noun} {self.words[name, code]}" if code else noun
            named.append((words, float(weights[column] * attributes[column])))
        return named
