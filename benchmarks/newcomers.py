"""Accuracy for new users: folding in ratings after training, compared with training on them.

``python -m benchmarks.newcomers`` holds out a fifth of the users of the real ratings and splits the
ratings of each into two halves. One model is trained without these users, and their first halves
are folded in afterwards; another is trained on the first halves too. Both predict the second
halves.

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
from benchmarks.accuracy import DATASETS, fit_ours, prepare, present
from benchmarks.process import machine
from pipeline.errors import exit_on_user_error
from pipeline.files import replace_json
from pipeline.paths import FEATURES, MODEL
from pipeline.tables.raw import SCORES_CSV

if TYPE_CHECKING:
    from pipeline.recommender.scorer import Scorer

DATASET = "mal_real"
HELD_OUT = 0.2  # share of users
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


def trained(work: Path, source: Path, folder: Path, ratings: list[str]) -> None:
    """Train in ``work`` on the files ``ratings``; the second halves are the test set."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    for file in source.iterdir():
        if file.name != SCORES_CSV and not (data / file.name).exists():
            (data / file.name).symlink_to(file)
    frames = [pd.read_csv(folder / f"{name}.csv") for name in ratings]
    pd.concat(frames).to_csv(data / SCORES_CSV, index=False)
    settings = (
        "dataset=local",
        f"dataset.path='{data}'",
        f"dataset.test_scores='{folder}/second.csv'",
    )
    work.mkdir()
    prepare(work, DATASETS[DATASET]._replace(overrides=settings, folder=None), source)
    fit_ours(work, work / "predictions.npy")


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
    return " ".join(sentences)


def main() -> None:
    """Compare both models, write the results, rewrite the document."""
    options = arguments.parser(__doc__, real_data=True).parse_args()
    if not options.readme:
        from benchmarks.score import BOOTSTRAP

        present([DATASET], options.data)
        source = options.data.absolute() / DATASET
        with tempfile.TemporaryDirectory(prefix="newcomers-") as name:
            folder = Path(name)
            deal(source, folder)
            trained(folder / "with", source, folder, ["others", "first"])
            seen = squared(folder / "with")
            trained(folder / "without", source, folder, ["others"])
            both = seen.merge(told(folder / "without", folder), on=["user_id", "item_id"])
        found: dict[str, Any] = {"users": both.user_id.nunique(), "n": len(both)}
        for part in PARTS:
            squares = {name: both[f"{name} {part}"] for name in ("told", "seen")}
            more = (squares["told"] - squares["seen"]).to_numpy()
            found[part] = {name: float(square.mean()) for name, square in squares.items()}
            found[part]["more_ci95"] = BOOTSTRAP.mean(more, both.user_id.to_numpy())
        replace_json(readme.results("newcomers"), {"machine": machine()} | found)
    readme.rewrite("newcomers", table)


if __name__ == "__main__":
    exit_on_user_error(main)
