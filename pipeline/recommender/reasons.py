"""Reasons for a recommendation: the parts of a prediction and of a chance to watch.

They are computed from the model's weights, and the parts of each sum to it. A rated title
contributes to the prediction the shift that its rating made in the user's embedding, times the
candidate's embedding, and what it adds as a similar title; biases and crosses contribute their
terms. Each title on the list contributes its cross with the candidate to the chance to watch.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from pipeline.arrays import Array, Floats, highest
from pipeline.recommender.catalogue import Catalogue
from pipeline.recommender.fold_in import UserPosterior
from pipeline.recommender.person import Person, explained
from pipeline.recommender.scorer import Scorer
from pipeline.recommender.watching import Watching

REASONS = 3  # per title and question
CELLS = 2**20  # pairs of a listed title and one on the user's list at a time: bounds memory
KNOWN_BY_MANY = "number of ratings"  # says least about the user
NOUNS = {
    "genres": "genre", "studios": "studio", "ratings": KNOWN_BY_MANY,
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
        rest: what these weights do not explain: the ReLU layers, and with draws the whole network,
            draws that reasons do not come from, and the difference between a latent score and the
            expected rating.
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


class WatchParts(NamedTuple):
    """The parts of one chance to watch.

    Attributes:
        base: what the title has whatever the list.
        listed: the contribution of each title on the list [n].
        rest: what lifts a sum below ``base`` to it: chances are not negative.
    """

    base: float
    listed: Array
    rest: float

    def total(self) -> float:
        """Return the sum of the parts."""
        return self.base + float(self.listed.sum()) + self.rest


class Reasons:
    """Splits predictions and chances into parts, and names the largest.

    Args:
        folder: the model's folder.
        scorer, watching: the same model, loaded.
        catalogue: names of the titles.
    """

    def __init__(
        self, folder: Path, scorer: Scorer, watching: Watching, catalogue: Catalogue
    ) -> None:
        self.scorer, self.watching, self.catalogue = scorer, watching, catalogue
        words = pq.read_table(folder / "vocabularies.parquet").to_pylist()
        self.words = {(word["feature"], word["index"]): word["value"] for word in words}

    def of(self, person: Person, rows: Array, score: Array) -> list[dict[str, Any]]:
        """Name the largest positive parts of both questions, for titles [n] of these predictions.

        Returns:
            For each title ``why``, what moves the rating up, in points; and ``why_watch``, what on
            the list speaks for watching it, as a share of all that does.
        """
        rated = [
            f"{self.catalogue.name(row)}, rated {value:g}"
            for row, value in zip(person.item, person.rating, strict=True)
        ]
        listed = rated + [f"{self.catalogue.name(row)}, watched" for row in person.also.watched]
        both = list[dict[str, Any]]()
        if person.posterior is None:
            person = person._replace(posterior=explained(self.scorer, person))
        some = max(1, CELLS // max(1, len(listed)))
        blocks = [slice(start, start + some) for start in range(0, len(rows), some)]
        for of_rating, of_chance in (
            pair
            for block in blocks
            for pair in zip(
                self.parts(person, rows[block], score[block]),
                self.watch_parts(person, rows[block]),
                strict=True,
            )
        ):
            why = _largest([*of_rating.crosses, *_named(rated, of_rating.rated)], "points")
            why.sort(key=lambda part: part["what"] == KNOWN_BY_MANY)
            speaks_for = of_chance.base + of_chance.listed.clip(0).sum()
            shares = of_chance.listed / max(speaks_for, 1e-9)
            both.append({"why": why, "why_watch": _largest(_named(listed, shares), "share")})
        return both

    def watch_parts(self, person: Person, rows: Array) -> list[WatchParts]:
        """Split a user's chances to watch some titles [n] into parts."""
        listed = self.watching.parts(person.evidence, rows)
        total, base = self.watching.chances(person.evidence)[rows], self.watching.base[rows]
        split = list[WatchParts]()
        for index in range(len(rows)):
            parts = WatchParts(float(base[index]), listed[index], 0.0)
            split.append(parts._replace(rest=float(total[index]) - parts.total()))
        return split

    def parts(self, person: Person, rows: Array, score: Array) -> list[Parts]:
        """Split a user's predictions ``score`` of some titles [n] into parts."""
        scorer, factors = self.scorer, self.scorer.explained
        posterior = person.posterior or explained(scorer, person)
        similar = np.zeros((len(rows), len(person.item)), np.float32)
        if scorer.neighbours and person.taste.residual is not None:
            similar = scorer.neighbours.parts(person.taste.residual, rows, person.item)
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
        factors = self.scorer.explained
        vectors = factors.embeddings[:, rows]
        back = np.matmul(vectors, posterior.covariance[:, : factors.layout.embedding])
        moved = posterior.design * posterior.pull[..., None]
        # One product of all draws side by side: their sum, without one draw's parts in memory.
        return _beside(back) @ _beside(moved).T / len(back)

    def _crosses(self, weights: Array, row: int) -> list[tuple[str, float]]:
        """Return each attribute of a title in words, and the term of its cross with the user.

        Args:
            weights: the user's weights of crosses, mean over draws [m].
            row: the title's row in the item table.
        """
        factors, named = self.scorer.explained, []
        attributes = factors.attributes[row]
        for column in np.flatnonzero(attributes):
            name, code = factors.labels[column]
            noun = NOUNS.get(name, name)
            words = f"{noun} {self.words[name, code]}" if code else noun
            named.append((words, float(weights[column] * attributes[column])))
        return named


def _beside(draws: Array) -> Array:
    """Put the columns of all draws side by side: [draws, n, m] becomes [n, draws * m]."""
    return draws.swapaxes(0, 1).reshape(draws.shape[1], draws.shape[0] * draws.shape[2])


def _named(names: list[str], parts: Floats) -> list[tuple[str, float]]:
    """Pair the REASONS largest parts with their names."""
    largest = highest(parts, np.arange(len(parts)), REASONS)
    return [(names[index], float(parts[index])) for index in largest]


def _largest(named: list[tuple[str, float]], unit: str) -> list[dict[str, Any]]:
    """Return the REASONS largest positive parts."""
    largest = sorted(named, key=lambda part: -part[1])[:REASONS]
    rounded = [(what, round(part, 3)) for what, part in largest]
    return [{"what": what, unit: part} for what, part in rounded if part > 0]
