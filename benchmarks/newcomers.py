"""Accuracy for new users: folding in ratings after training, compared with training on them.

``python -m benchmarks.newcomers`` holds out a fifth of the users of the real ratings and splits the
ratings of each into two halves. One model is trained without these users, and their first halves
are folded in afterwards; another is trained on the first halves too. Both predict the second
halves, and recommend titles that are not in the first.

The results go to benchmarks/results/newcomers.json, and from there to a sentence in
docs/benchmarks.md; ``--readme`` only rewrites the document.
"""

import copy
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks import arguments, readme
from benchmarks.accuracy import present
from benchmarks.process import machine
from benchmarks.variants import DATASET, trained
from pipeline.errors import exit_on_user_error
from pipeline.files import replace_json
from pipeline.paths import FEATURES, MODEL
from pipeline.tables.raw import SCORES_CSV

if TYPE_CHECKING:
    from pipeline.recommender.scorer import Scorer

HELD_OUT = 0.2  # share of users
BAR = 0.9  # share of the NDCG of users trained on that newcomers shall have
PARTS = {"whole": "The whole model", "network": "The network alone"}


def deal(source: Path, folder: Path) -> None:
    """Write others.csv, and first.csv and second.csv with the halves of the held-out users."""
    scores = pd.read_csv(source / SCORES_CSV).drop_duplicates(["user_id", "anime_id"], keep="last")
    draws = np.random.default_rng(0)
    users = scores.user_id.unique()
    out = scores.user_id.isin(draws.choice(users, int(HELD_OUT * len(users)), replace=False))
    half = draws.random(len(scores)) < 0.5
    for name, rows in {"others": ~out, "first": out & half, "second": out & ~half}.items():
        scores[rows].to_csv(folder / f"{name}.csv", index=False)


def squared(work: Path) -> pd.DataFrame:
    """Return user_id, item_id and squared errors of test rows, by a model trained on these users.

    The column ``seen whole`` is of the whole model, ``seen network`` of the network alone.
    """
    from pipeline.recommender.scorer import Scorer

    rows, scorer = pd.read_parquet(work / FEATURES / "test.parquet"), Scorer(work / MODEL)
    for name in ("user", "item"):
        table = pd.read_parquet(work / FEATURES / f"{name}s.parquet")
        rows[f"{name}_id"] = table[f"{name}_id"].to_numpy()[rows[name]]
    for part in PARTS:
        predictions = only(scorer, part).predict(rows.user.to_numpy(), rows.item.to_numpy())
        rows[f"seen {part}"] = (predictions - rows.rating) ** 2
    return rows[["user_id", "item_id", *(f"seen {part}" for part in PARTS)]]


def only(scorer: "Scorer", part: str) -> "Scorer":
    """Return the model, or its network alone."""
    found = copy.copy(scorer)
    if part == "network":
        found.posterior, found.shares = None, scorer.shares[:0]
    return found


def told(work: Path, folder: Path) -> pd.DataFrame:
    """Return the same for the model that folds in the first halves after training: ``told …``."""
    from pipeline.recommender.person import told as newcomer
    from pipeline.recommender.scorer import Scorer

    scorer = Scorer(work / MODEL)
    items = pd.read_parquet(work / MODEL / "items.parquet")["item_id"]
    row = pd.Series(items.index, items)
    halves = (pd.read_csv(folder / f"{name}.csv") for name in ("first", "second"))
    first, second = (half[half.anime_id.isin(row.index)] for half in halves)
    known = dict(tuple(first.groupby("user_id")))
    parts = []
    for user, rows in second.groupby("user_id"):
        given = known.get(user, first[:0])
        ratings = row[given.anime_id].to_numpy(), given.rating.to_numpy(float)
        columns = {"user_id": user, "item_id": rows.anime_id}
        for part in PARTS:
            model = only(scorer, part)
            scores = model.scores(newcomer(model, *ratings).taste)[row[rows.anime_id]]
            columns[f"told {part}"] = (scores - rows.rating) ** 2
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts)


def ranked(work: Path, folder: Path, trained_on: bool) -> pd.DataFrame:
    """Return user_id and NDCG@10 of the lists that users of the second halves get.

    A list is of the whole catalogue without the user's first half. It is measured as evaluate does:
    what counts are liked titles of the second half. Users who liked none are left out.

    Args:
        work: folder of the stages.
        folder: the folder of the halves.
        trained_on: whether the model is trained on these users; else first halves are folded in.
    """
    from pipeline.evaluation.lists import TOP
    from pipeline.evaluation.ranking import by_user
    from pipeline.recommender.grades import gains
    from pipeline.recommender.person import told as newcomer
    from pipeline.recommender.recommender import Recommender

    recommender = Recommender(work / MODEL)
    first, second = (pd.read_csv(folder / f"{name}.csv") for name in ("first", "second"))
    first["row"] = recommender.catalogue.ids.rows(first.anime_id.to_numpy())
    second["gain"] = gains(second.rating.to_numpy(), recommender.scorer.scale)
    brought = dict(tuple(first[first.row > 0].groupby("user_id")))
    liked = second.groupby("user_id").gain.transform("max") > 0
    qrels, lists = {}, {}
    for user, rows in second[liked].groupby("user_id"):
        given = brought.get(user, first[:0])
        person = (
            recommender.user(str(user))
            if trained_on
            else newcomer(recommender.scorer, given.row.to_numpy(), given.rating.to_numpy(float))
        )
        titles = recommender.recommend(person, TOP, why=False)
        lists[str(user)] = {str(t["anime_id"]): float(-rank) for rank, t in enumerate(titles)}
        qrels[str(user)] = dict(zip(map(str, rows.anime_id), rows.gain.tolist(), strict=True))
    return pd.DataFrame({"user_id": list(lists), "ndcg": by_user(qrels, lists)["ndcg"]})


def table(results: dict[str, Any]) -> str:
    """Format the figures as sentences."""
    sentences = [
        f"Real ratings of {results['users']} users who were held out of training. The model gets "
        f"half of their ratings afterwards, by fold-in, and predicts the other half."
    ]
    for part, title in PARTS.items():
        low, high = results[part]["more_ci95"]
        told, seen = results[part]["told"], results[part]["seen"]
        sentences.append(
            f"{title}: test MSE {told:.4f}, {told / seen - 1:+.1%} beside {seen:.4f} of a model "
            f"trained with these halves (difference {told - seen:+.4f}, {low:+.4f} to {high:+.4f})."
        )
    lists = results["lists"]
    told, seen, (low, high) = lists["told"], lists["seen"], lists["more_ci95"]
    sentences.append(
        f"Lists of {lists['users']} of these users, who liked a title of the other half: NDCG@10 "
        f"{told:.4f}, {told / seen:.1%} of the {seen:.4f} of a model trained with these halves "
        f"(difference {told - seen:+.4f}, {low:+.4f} to {high:+.4f}); the bar is {BAR:.0%}."
    )
    return " ".join(sentences)


def compared(source: Path, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train both models; return squared errors by row, and NDCG by user, of both: told and seen."""
    scores = {name: pd.read_csv(folder / f"{name}.csv") for name in ("others", "first")}
    test = f"dataset.test_scores='{folder}/second.csv'"
    seen, unseen, data = folder / "with", folder / "without", folder / "data"
    trained(seen, source, data, pd.concat(scores.values()), test)
    trained(unseen, source, data, scores["others"], test)
    both = squared(seen).merge(told(unseen, folder), on=["user_id", "item_id"])
    lists = ranked(seen, folder, True).merge(
        ranked(unseen, folder, False), on="user_id", suffixes=(" seen", " told")
    )
    return both, lists.rename(columns={f"ndcg {name}": name for name in ("seen", "told")})


def figures(both: pd.DataFrame) -> dict[str, Any]:
    """Return the means of the columns told and seen, and the interval of their difference."""
    from benchmarks.score import BOOTSTRAP

    more = (both.told - both.seen).to_numpy()
    means = {name: float(both[name].mean()) for name in ("told", "seen")}
    return means | {"more_ci95": BOOTSTRAP.mean(more, both.user_id.to_numpy())}


def main() -> None:
    """Compare both models, write the results, rewrite the document."""
    options = arguments.parser(__doc__, real_data=True).parse_args()
    if not options.readme:
        present([DATASET], options.data)
        source = options.data.absolute() / DATASET
        with tempfile.TemporaryDirectory(prefix="newcomers-") as name:
            folder = Path(name)
            deal(source, folder)
            both, lists = compared(source, folder)
        found: dict[str, Any] = {"users": both.user_id.nunique(), "n": len(both)}
        for part in PARTS:
            names = {name: f"{name} {part}" for name in ("told", "seen")}
            found[part] = figures(both.rename(columns={own: name for name, own in names.items()}))
        found["lists"] = figures(lists) | {"users": len(lists)}
        replace_json(readme.results("newcomers"), {"machine": machine()} | found)
    readme.rewrite("newcomers", table)


if __name__ == "__main__":
    exit_on_user_error(main)
