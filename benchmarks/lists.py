"""Lists beside those of others, without their parts, and with titles watched without a rating.

``python -m benchmarks.lists`` trains the default model on the real ratings and measures its lists
of the whole catalogue, as evaluate does, beside other orders of the same titles. Then it trains on
the same ratings and the titles that these users watched without rating them.

The results go to benchmarks/results/lists.json, and from there to tables in docs/benchmarks.md;
``--readme`` only rewrites the document.
"""

import copy
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks import arguments, readme
from benchmarks.accuracy import DATASETS, fit_ours, prepare, present
from benchmarks.lists_table import table
from benchmarks.process import machine
from benchmarks.variants import DATASET, trained, with_unrated
from pipeline.arrays import Floats, Ints
from pipeline.errors import UserError, exit_on_user_error
from pipeline.files import replace_json, rounded
from pipeline.paths import FEATURES, MODEL

if TYPE_CHECKING:
    from scipy import sparse

    from pipeline.artifact.watch import Join
    from pipeline.evaluate import Evaluation
    from pipeline.evaluation.lists import Score
    from pipeline.evaluation.metrics import Bootstrap
    from pipeline.evaluation.references import References
    from pipeline.recommender.lists import Lists

LISTED = Path("mal_2016", "rating.csv")  # the same users and titles, and what was not rated
ROWS = 500  # fewest test rows of a segment whose intervals are told
RATING = "true rating"  # of the segments, what is not known when an interval is made


class Plain(NamedTuple):
    """The default model, trained on the ratings alone, and what its lists are measured with.

    Attributes:
        features: folder of the feature tables.
        users: most users whose lists are measured.
        bootstrap: for the intervals.
        lists: how the model orders lists.
        evaluation: what evaluate found.
        references: what evaluate compares it with.
    """

    features: Path
    users: int
    bootstrap: "Bootstrap"
    lists: "Lists"
    evaluation: "Evaluation"
    references: "References"


def lists_of(work: Path) -> "Lists":
    """Read how the model trained in ``work`` orders lists."""
    from pipeline.recommender.lists import load_lists
    from pipeline.recommender.scorer import Scorer

    return load_lists(work / MODEL, Scorer(work / MODEL))


def evaluated(work: Path) -> Plain:
    """Evaluate the model trained in ``work``."""
    from pipeline.config import load
    from pipeline.evaluate import evaluate
    from pipeline.evaluation.metrics import Bootstrap
    from pipeline.evaluation.references import references

    settings, features = load(work / "params.yaml").evaluate, (work / FEATURES).resolve()
    lists, bootstrap = lists_of(work), Bootstrap(settings.bootstrap, settings.seed)
    found = evaluate(settings, features, work / MODEL)
    most = settings.max_baseline_ratings
    known = references(features, lists.scorer.scale, bootstrap, most)  # from evaluate's cache
    return Plain(features, settings.ranking_users, bootstrap, lists, found, known)


def measured(plain: Plain, scores: dict[str, "Score"]) -> dict[str, Any]:
    """Measure lists of the whole catalogue by some orders, as evaluate does.

    Args:
        plain: the test, its users, and what they had on their lists.
        scores: the orders, by name; the others are compared with that of ``model``.
    """
    from pipeline.arrays import indicators
    from pipeline.evaluation import catalogue, ranking
    from pipeline.recommender.grades import gains
    from pipeline.tables.entities import read_items

    tested, known = plain.evaluation.tested, plain.references
    test = ranking.Test(*(tested[name].to_numpy() for name in ("user", "item", "rating")))
    gain = gains(test.rating, plain.lists.scorer.scale)
    users = ranking.sample_users(test, gain, plain.users, plain.bootstrap.seed)
    items = read_items(plain.features / "items.parquet")
    genres = indicators(items.codes["genres"], items.words["genres"])
    return catalogue.measure(
        test, gain, users, known.listed, genres, known.history, scores, plain.bootstrap
    )


def joined(lists: "Lists", join: "Join") -> "Lists":
    """Return the model with other powers in (17)."""
    found = copy.copy(lists)
    found.join = join
    return found


def orders(plain: Plain) -> dict[str, "Score"]:
    """Return the model's order, its parts, that by predicted rating, and those of the rivals."""
    from pipeline.artifact.watch import Join
    from pipeline.evaluate import ordered

    lists, scorer, listed = plain.lists, plain.lists.scorer, plain.references.listed
    joins = {"model": lists.join, "chance": Join(0, 0), "gain": Join(1, 0)}
    ours = {name: ordered(joined(lists, join), listed) for name, join in joins.items()}

    def by_rating(user: Ints, item: Ints) -> Floats:
        return np.stack([scorer.scores(scorer.taste(row))[item] for row in user])

    return ours | {"rating": by_rating} | plain.references.scores


def held(plain: Plain) -> dict[str, Any]:
    """Return the share of test ratings in their intervals: of all, and the range over segments."""
    from pipeline.evaluation.segments import TABLES

    segments = pd.concat(plain.evaluation.tables[name] for name in TABLES)
    large = segments[segments["n"] >= ROWS].sort_values("held")
    told: dict[str, Any] = dict(plain.evaluation.figures["interval"])
    for name, some in (
        ("segments", large[large["by"] != RATING]),
        ("ratings", large[large["by"] == RATING]),
    ):
        ends = some.iloc[[0, -1]][["by", "segment", "n", "held"]].to_dict("records")
        told[name] = {"number": len(some), "lowest": ends[0], "highest": ends[1]}
    return told


def same_test(first: Path, second: Path) -> None:
    """Check that two folders of feature tables have the same test rows, users and titles.

    Raises:
        UserError: they do not.
    """
    for name, columns in (("test", None), ("users", ["user_id"]), ("items", ["item_id"])):
        tables = [
            pd.read_parquet(at / f"{name}.parquet", columns=columns) for at in (first, second)
        ]
        if not tables[0].equals(tables[1]):
            raise UserError(f"{first} and {second} differ in {name}: nothing to compare.")


def leaving_out(lists: "Lists", known: "sparse.csr_array", away: "sparse.csr_array") -> "Score":
    """Order by a model that knows what is on users' lists in part, and leaves out all of it.

    Args:
        lists: the model.
        known: 1 where the model knows that a title is on a user's list: [users, titles].
        away: 1 where a title is on a user's list.
    """

    def score(user: Ints, item: Ints) -> Floats:
        rows, allowed = known[user].astype(np.float32), away[user].toarray() == 0
        return lists.matrix(user, rows, allowed & (lists.raters > 0))[:, item]

    return score


def knowing(plain: Plain, work: Path) -> dict[str, Any]:
    """Compare the plain model with the one in ``work``, which knows what users watched unrated.

    The lists of that one leave out what a user watched, which nobody rates in the test. So the
    plain model's lists are measured twice: as they are, and where they leave it out too.
    """
    from pipeline.evaluation.lists import on_lists
    from pipeline.evaluation.metrics import difference
    from pipeline.tables.rows import read_watched

    same_test(plain.features, work / FEATURES)
    user, item = read_watched(work / FEATURES)
    known, told = plain.references.listed, lists_of(work)
    every = known + on_lists(user, item, known.shape)
    scores = {
        "model": leaving_out(told, every, every),
        "plain": leaving_out(plain.lists, known, known),
        "leaving_out": leaving_out(plain.lists, known, every),
    }
    tested = plain.evaluation.tested
    predictions = np.load(work / "predictions.npy"), tested["prediction"].to_numpy(np.float64)
    ours, theirs = ((values - tested["rating"].to_numpy()) ** 2 for values in predictions)
    mse = {"told": float(ours.mean()), "plain": float(theirs.mean())}
    return {
        "rows": len(user),
        "users": len(np.unique(user)),
        "mse": mse | difference(ours, theirs, tested["user"].to_numpy(), plain.bootstrap),
        "lists": measured(plain, scores),
        "join": told.join._asdict(),
    }


def main() -> None:
    """Train both models, measure the lists, write the results, rewrite the document."""
    options = arguments.parser(__doc__, real_data=True).parse_args()
    if not options.readme:
        from threadpoolctl import threadpool_limits

        data = options.data.absolute()
        present([DATASET], data)
        if not (data / LISTED).exists():
            raise UserError(f"{data / LISTED} is not there; see --data.")
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # runs go to the temporary working folder
        with tempfile.TemporaryDirectory(prefix="lists-") as name:
            work, told = Path(name, "plain"), Path(name, "told")
            work.mkdir()
            prepare(work, DATASETS[DATASET], data)
            fit_ours(work, work / "predictions.npy")
            scores = with_unrated(data / DATASET, data / LISTED)
            trained(told, data / DATASET, Path(name, "data"), scores)
            with threadpool_limits(1):  # as evaluate does
                plain = evaluated(work)
                found = {
                    "users": plain.evaluation.figures["ranking"]["users"],
                    "join": plain.lists.join._asdict(),
                    "lists": measured(plain, orders(plain)),
                    "interval": held(plain),
                    "watched": knowing(plain, told),
                }
        replace_json(readme.results("lists"), {"machine": machine()} | rounded(found))
    readme.rewrite("lists", table)


if __name__ == "__main__":
    exit_on_user_error(main)
