"""Why a title is recommended: the parts of its prediction, taken from the model's own weights.

They sum to the prediction. A rated title counts by what its rating moved the user's embedding, and
that the score of the other; crosses and biases count by themselves.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array
from pipeline.recommender.fold_in import Learned
from pipeline.recommender.scorer import Scorer

NOUNS = {
    "genres": "genre", "studios": "studio", "ratings": "how many rated it",
    "episodes": "number of episodes", "year": "year of its start",
}  # fmt: skip


class Parts(NamedTuple):
    """The parts of a prediction, in rating points.

    Attributes:
        base: what the user gives on average.
        title: its bias.
        crosses: what the user's weights of what it is add: its values in words, with the points.
        rated: what each rated title adds [n].
        embedding: what of the product of embeddings no rated title accounts for.
        rest: the network, and the steps between grades.
    """

    base: float
    title: float
    crosses: list[tuple[str, float]]
    rated: Array
    embedding: float
    rest: float

    def total(self) -> float:
        """Return their sum."""
        plain = self.base + self.title + self.embedding + self.rest
        return plain + sum(points for _, points in self.crosses) + float(self.rated.sum())


class Reasons:
    """Takes predictions apart.

    Args:
        folder: of the model.
        scorer: the model.
    """

    def __init__(self, folder: Path, scorer: Scorer) -> None:
        self.scorer = scorer
        words = pq.read_table(folder / "vocabularies.parquet").to_pylist()
        self.words = {(word["feature"], word["index"]): word["value"] for word in words}

    def parts(self, learned: Learned, rows: Array, score: Array) -> list[Parts]:
        """Take the predictions of titles apart, for one user.

        Args:
            learned: what the user's ratings tell.
            rows: of the titles [n].
            score: their predictions [n].
        """
        scorer, weights = self.scorer, learned.taste.weights
        if not scorer.draws:
            return [Parts(0.0, 0.0, [], np.zeros(0), 0.0, float(value)) for value in score]
        constant = float(np.mean([draw.intercept for draw in scorer.draws]))
        embedding, bias, crosses = scorer.layout.split(weights)
        base = constant + (float(bias.mean()) if scorer.layout.wide else 0.0)
        vectors = scorer.embeddings[:, rows]
        whole = np.einsum("dtm,dm->t", vectors, embedding) / len(vectors)
        back = np.matmul(vectors, learned.covariance[:, : scorer.layout.embedding])
        drawn = np.matmul(back, learned.design.swapaxes(1, 2)) * learned.pull[:, None]
        each = drawn.mean(0)  # titles times rated titles
        own, found = crosses.mean(0) if scorer.layout.wide else None, list[Parts]()
        for place, row in enumerate(rows):
            title = float(scorer.offset[:, row].mean()) - constant
            named = self._crosses(own, int(row)) if own is not None else []
            unexplained = float(whole[place] - each[place].sum())
            parts = Parts(base, title, named, each[place], unexplained, 0.0)
            found.append(parts._replace(rest=float(score[place]) - parts.total()))
        return found

    def _crosses(self, weights: Array, row: int) -> list[tuple[str, float]]:
        """Name what the user's weights of what a title is add."""
        own, found = self.scorer.attributes[row], []
        for place in np.flatnonzero(own):
            name, code = self.scorer.labels[place]
            noun = NOUNS.get(name, name)
            word = f"{noun} {self.words[name, code]}" if code else noun
            found.append((word, float(weights[place] * own[place])))
        return found
