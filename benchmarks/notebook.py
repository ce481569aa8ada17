"""The method of the public notebooks from CSV to numeric columns: one wide frame in pandas.

``python -m benchmarks.notebook FOLDER`` builds the frame and prints its number of rows. It does not
validate, split or write anything, so it does less work than clean and features.
"""

import sys
from pathlib import Path

import pandas as pd
from sklearn.preprocessing import LabelEncoder

TITLE = [
    "anime_id", "Genres", "Type", "Episodes", "Studios", "Source", "Score", "Popularity",
    "Members", "Favorites",
]  # fmt: skip
USER = ["Mal ID", "Gender", "Mean Score", "Days Watched", "Completed", "Plan to Watch"]
CODED = ["user_id", "anime_id", "Genres", "Type", "Studios", "Source", "Gender"]


def merged(raw: Path) -> pd.DataFrame:
    """Join each rating with the columns of its user and title that a model would use."""
    # Without usecols, as the notebooks do: all columns are read first.
    scores = pd.read_csv(raw / "users-score-2023.csv")
    details = pd.read_csv(raw / "users-details-2023.csv")
    catalogue = pd.read_csv(raw / "anime-dataset-2023.csv")
    rows = scores.merge(details[USER], left_on="user_id", right_on="Mal ID")
    return rows.merge(catalogue[TITLE], on="anime_id")


def encode(rows: pd.DataFrame) -> None:
    """Add a column of codes for each id and category, in place."""
    for name in CODED:
        values = rows[name] if rows[name].dtype == int else rows[name].astype(str)
        rows[f"{name}_code"] = LabelEncoder().fit_transform(values)


if __name__ == "__main__":
    frame = merged(Path(sys.argv[1]))
    encode(frame)
    print(len(frame))
