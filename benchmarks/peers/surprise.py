"""scikit-surprise: biases, matrix factorisations and item neighbours."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import surprise

from benchmarks.peers.rows import Array, Fit, Rows


def peer(make: Callable[..., Any], **settings: Any) -> Fit:
    """Return a function that fits an algorithm of Surprise with these settings."""

    def fit(rows: Rows) -> Callable[[], Array]:
        frame = pd.DataFrame({"user": rows.user, "item": rows.item, "rating": rows.rating})
        reader = surprise.Reader(rating_scale=(rows.rating.min(), rows.rating.max()))
        seen = surprise.Dataset.load_from_df(frame, reader).build_full_trainset()
        algorithm = make(**settings).fit(seen)
        pairs = list(zip(rows.test_user.tolist(), rows.test_item.tolist(), strict=True))
        return lambda: np.array([algorithm.predict(*pair).est for pair in pairs])

    return fit


PEERS = {
    "biases": peer(surprise.BaselineOnly, verbose=False),
    "svd": peer(surprise.SVD, random_state=0),
    "svd_tuned": peer(  # best of seven settings on the validation rows of MovieLens and MyAnimeList
        surprise.SVD, n_factors=200, n_epochs=60, lr_all=0.01, reg_all=0.1, random_state=0
    ),
    "svdpp": peer(surprise.SVDpp, random_state=0),
    "neighbours": peer(
        surprise.KNNBaseline,
        sim_options={"name": "pearson_baseline", "user_based": False},  # shrunk by 100, the default
        verbose=False,
    ),
}
