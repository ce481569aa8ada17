"""Fit one peer and predict the test rows, in the environment of the peers.

``python -m benchmarks.peers.run MODULE.PEER FEATURES OUT.npy`` writes the predictions: float64, in
the order of test.parquet, clipped to the scale. It prints the seconds of the fit and of prediction,
and the sweeps over the ratings if its module has a number of them in SWEEPS.
"""

import contextlib
import json
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.peers.rows import read


def main(peer: str, features: str, out: str) -> None:
    """Time the peer, without reading the rows and importing its package."""
    module, name = peer.split(".")
    with contextlib.redirect_stdout(sys.stderr):  # some packages print
        peers = import_module(f"benchmarks.peers.{module}")
        fit, sweeps = peers.PEERS[name], getattr(peers, "SWEEPS", {})
        rows = read(Path(features))
        start = time.perf_counter()
        predict = fit(rows)
        fitted = time.perf_counter()
        predictions = np.clip(predict(), rows.rating.min(), rows.rating.max())
        end = time.perf_counter()
    np.save(out, predictions.astype(np.float64))
    told = {"fit_seconds": fitted - start, "predict_seconds": end - fitted}
    print(json.dumps(told | ({"sweeps": sweeps[name]} if name in sweeps else {})))


if __name__ == "__main__":
    main(*sys.argv[1:])
