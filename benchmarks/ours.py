"""Predict the test rows with the trained model: ``python -m benchmarks.ours OUT.npy``."""

import json
import sys
import time

import numpy as np

from pipeline.paths import FEATURES, MODEL
from pipeline.recommender.scorer import Scorer
from pipeline.tables.rows import read_rows

if __name__ == "__main__":
    rows, scorer = read_rows(FEATURES, "test")[0], Scorer(MODEL)
    start = time.perf_counter()
    predictions = scorer.predict(rows["user"], rows["item"])
    seconds = time.perf_counter() - start  # without loading the model, as for peers
    np.save(sys.argv[1], predictions.astype(np.float64))
    print(json.dumps({"predict_seconds": seconds}))
