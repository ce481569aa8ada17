"""What ``model``, which trains, and ``recommender``, without TensorFlow, have in common.

The files of a models folder, and the constants that both count with.
"""

import json
from pathlib import Path
from typing import Any

from pipeline.errors import UserError

WEIGHTS, SETTINGS, DRAWS = "model.weights.h5", "settings.json", "draws.npz"
NETWORK = "network.npz"  # the same weights, for pipeline.recommender
TABLES = ("users.parquet", "items.parquet", "titles.parquet", "vocabularies.parquet")
RATINGS = "ratings.arrow"  # who rated what before the test, by user
SHRINK = 5.0  # a mean of few ratings counts as if so many average ones stood beside it
CONSISTENCY = 5.0  # a user's noise is learned as if beside so many average ratings


def read_settings(folder: Path) -> dict[str, Any]:
    """Read what the model was trained with: model, posterior, min_rating, max_rating.

    Raises:
        UserError: ``folder`` holds no model.
    """
    if not (folder / SETTINGS).exists():
        raise UserError(f"{folder.resolve()}: no trained model here; `dvc repro` makes one.")
    settings: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    return settings
