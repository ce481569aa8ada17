"""SMURFF: Macau, Bayesian factorisation whose factors of titles have attributes as prior means."""

from collections.abc import Callable

import numpy as np
import smurff  # type: ignore[import-not-found]
from scipy import sparse

from benchmarks.peers.myfm import words
from benchmarks.peers.rows import Array, Rows

RANK, BURN_IN, KEPT = 32, 100, 300
SWEEPS = {"macau": BURN_IN + KEPT}
ATTRIBUTES = ("genres", "type", "source", "year")


def fit(rows: Rows) -> Callable[[], Array]:
    """Draw samples of the factors; the noise is drawn too, and the test rows predicted on the way.

    Macau has no biases: the means of its priors and its factors stand for them.
    """
    shape, mean = (rows.users.num_rows, rows.items.num_rows), rows.rating.mean()
    known = sparse.coo_matrix((rows.rating - mean, (rows.user, rows.item)), shape)
    asked = sparse.coo_matrix(
        (np.ones(len(rows.test_user)), (rows.test_user, rows.test_item)), shape
    )
    attributes = sparse.hstack([words(rows.items[name]) for name in ATTRIBUTES], format="csr")
    session = smurff.TrainSession(
        priors=["normal", "macau"],
        num_latent=RANK,
        burnin=BURN_IN,
        nsamples=KEPT,
        seed=1,
        verbose=0,
    )
    session.addTrainAndTest(known, asked, smurff.SampledNoise(1.0))
    session.addSideInfo(1, attributes, direct=True)
    found = {prediction.coords: prediction.pred_avg for prediction in session.run()}
    pairs = zip(rows.test_user.tolist(), rows.test_item.tolist(), strict=True)
    return lambda: np.array([found[pair] for pair in pairs]) + mean


PEERS = {
    "macau": fit,
}
