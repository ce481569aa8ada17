"""Predict the test rows with the trained model: ``python -m benchmarks.ours OUT.npy``, no more."""

import json
import sys
import time

import numpy as np
from pipeline.model.saved import Predictor

from pipeline.paths import FEATURES, MODEL
from pipeline.tables.rows import read_rows

if __name__ == "__main__":
    rows, predictor = read_rows(FEATURES, "test")[0], Predictor(MODEL)
    start = time.perf_counter()
    predictions = predictor.rows(rows)
    seconds = time.perf_counter() - start  # without loading, as the peers'
    np.save(sys.argv[1], predictions.astype(np.float64))
    print(json.dumps({"predict_seconds": seconds}))
