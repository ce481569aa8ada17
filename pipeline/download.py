"""Stage download: write the raw CSV files of the chosen data source to data/raw.

In: the source that ``dataset.source`` names. Out: three CSV files in the layout of Kaggle's
dbdmobile/myanimelist-dataset, ``test-scores.csv`` if the source defines a test set, and
metrics/download.json: the size of each file in bytes, and the ``noise_floor`` of generated ratings.
"""

from pipeline import sources
from pipeline.config import load
from pipeline.files import replace_json, replacing
from pipeline.files.stage import run_stage
from pipeline.paths import METRICS, RAW


def main() -> None:
    """Run the stage on params.yaml."""
    dataset = load().dataset
    with replacing(RAW, sealed=False) as folder:
        facts = sources.find(dataset.source).write(dataset, folder)
        sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    replace_json(METRICS / "download.json", {"bytes": sizes, **facts})


if __name__ == "__main__":
    run_stage(main, __doc__)
