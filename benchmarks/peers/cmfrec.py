"""cmfrec: collective matrix factorisation by alternating least squares.

Factors of the titles also explain their attributes, and those of both sides who rated what.
"""

from collections.abc import Callable

import numpy as np
from cmfrec import CMF  # type: ignore[import-not-found]
from scipy import sparse

from benchmarks.peers.myfm import words
from benchmarks.peers.rows import Array, Rows

# The best of fifteen settings on the validation rows of MyAnimeList. Penalties of biases of users
# and titles, the factors of users and titles, and those of their attributes.
RANK, PENALTIES = 40, np.array([5.0, 2.0, 20.0, 20.0, 20.0, 20.0])
SWEEPS = {"collective": 15}
ATTRIBUTES = ("genres", "type", "source", "year")


def fit(rows: Rows) -> Callable[[], Array]:
    """Fit biases and factors, each least-squares problem solved by Cholesky's method."""
    shape = rows.users.num_rows, rows.items.num_rows
    known = sparse.coo_matrix((rows.rating, (rows.user, rows.item)), shape)
    attributes = sparse.hstack([words(rows.items[name]) for name in ATTRIBUTES]).toarray()
    machine = CMF(
        k=RANK,
        lambda_=PENALTIES,
        method="als",
        use_cg=False,
        add_implicit_features=True,
        niter=SWEEPS["collective"],
    )
    machine.fit(known, I=attributes)
    return lambda: np.asarray(machine.predict(rows.test_user, rows.test_item))


PEERS = {
    "collective": fit,
}
