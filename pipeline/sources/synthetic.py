"""Invented ratings in the three files, the marginals and the dirt of Kaggle's data set of 2023.

Taste is planted: the score behind a rating is a bias of the user, a bias of the title, the match of
the user's taste with the title's vector, and noise. What can be learned is therefore known.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.config import Synthetic
from pipeline.errors import UserError
from pipeline.tables import CATALOGUE_CSV, DETAILS_CSV, SCORES_CSV

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]
Texts = NDArray[np.object_]

# Counted in the real files: ratings 1 to 10, titles by genre, accounts per rater.
GRADES = [98069, 132092, 233675, 562822, 1379480, 2766482, 5452152, 6060484, 4429914, 3210021]
GENRES = {
    "Action": 4730, "Adventure": 3842, "Avant Garde": 804, "Award Winning": 241, "Boys Love": 169,
    "Comedy": 7139, "Drama": 2833, "Ecchi": 795, "Erotica": 54, "Fantasy": 5306, "Girls Love": 113,
    "Gourmet": 146, "Hentai": 1485, "Horror": 534, "Mystery": 845, "Romance": 2063, "Sci-Fi": 3091,
    "Slice of Life": 1755, "Sports": 770, "Supernatural": 1494, "Suspense": 242,
}  # fmt: skip
ACCOUNTS_PER_RATER = 2.708

# Shares of the predictable variance. With 40 % noise they are 18, 17, 17 and 8 % of the whole.
USER_BIAS, ITEM_BIAS, LATENT, GENRE = 0.30, 0.28, 0.28, 0.14
FACTORS = 8
PULL = 0.5  # how much more likely a title is rated by those who like it
ACTIVITY, POPULARITY = 1.27, 2.2  # log-normal spreads of ratings per user and per title
DENSEST, BUSIEST = 0.6, 0.9  # largest share of the catalogue rated: by the mean user, by any user
CELLS = 4_000_000  # pairs of user and title weighed at a time: 32 MB an array
LINES = 1_000_000  # ratings turned into text at a time

LATIN = "ka ki ku ke ko sa shi su se so ta chi tsu te to na ni nu ne no ha hi fu he ho ma mi mu me mo ra ri"
KANA = "カ キ ク ケ コ サ シ ス セ ソ タ チ ツ テ ト ナ ニ ヌ ネ ノ ハ ヒ フ ヘ ホ マ ミ ム メ モ ラ リ"
TITLES = ["{} no {}", "{} {}", "{}: {}", "{}, {}!", "{}☆{} 2nd Season", 'The "{}" of {}']


def write(settings: Synthetic, folder: Path) -> None:
    """Write the three CSV files of a generated data set to ``folder``; same settings, same bytes.

    ``settings.noise`` is the share of the variance of the score behind a rating that nothing can
    predict; ``users`` are those who rate, and every one of them rates something.

    Raises:
        UserError: a setting is out of range; the message names it and what is allowed.
    """
    check(settings)
    rng = np.random.default_rng(settings.seed)
    attributes = describe(rng, settings.items)
    user, item, score = rate(rng, settings, attributes)
    cuts = np.quantile(score, np.cumsum(GRADES)[:-1] / sum(GRADES))
    grade = (1 + np.searchsorted(cuts, score)).astype(np.int8)

    dirty = few(len(score))
    title_id = np.cumsum(rng.integers(1, 4, settings.items + dirty))  # the last are not catalogued
    title = spell_titles(rng, len(title_id))
    accounts = round(ACCOUNTS_PER_RATER * settings.users)
    account_id = np.cumsum(rng.integers(1, 4, accounts))
    account = words(np.arange(accounts)) + account_id.astype(str).astype(object)
    raters, silent = np.split(rng.permutation(accounts), [settings.users])
    raters.sort()
    account[silent[0]] = ""

    user, item, grade = soil(rng, raters[user], item, grade, silent[0], settings.items, dirty)
    write_scores(folder / SCORES_CSV, account_id, account, user, title_id, title, item, grade)

    kept = np.ones(accounts, dtype=bool)
    kept[rng.choice(raters, few(settings.users, 0.02), replace=False)] = False
    people = details(rng, account_id, account, *tally(user, grade, accounts))[kept]
    neglect(rng, people).to_csv(folder / DETAILS_CSV, index=False, lineterminator="\n")
    shown = slice(settings.items)
    count, mean = tally(item, grade, len(title_id))
    titles = catalogue(rng, title_id[shown], title[shown], attributes, count[shown], mean[shown])
    titles.to_csv(folder / CATALOGUE_CSV, index=False, lineterminator="\n")
