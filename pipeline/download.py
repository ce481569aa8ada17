"""Stage download: bring the raw CSV files of the chosen data source to data/raw.

In: the source that ``dataset.source`` names. Out: three CSV files in the layout of Kaggle's
dbdmobile/myanimelist-dataset, and ``test-scores.csv`` where the source has a test set of its own.
"""

from pathlib import Path

from pipeline.config import Dataset, Local, Synthetic, load
from pipeline.errors import run_stage
from pipeline.tables import RAW, replacing


def download(dataset: Dataset, folder: Path) -> None:
    """Write the raw files of ``dataset`` to ``folder``."""
    match dataset:
        case Synthetic():
            from pipeline.sources import synthetic

            synthetic.write(dataset, folder)
        case Local():
            from pipeline.sources import local

            local.write(dataset, folder)


def main() -> None:
    """Run the stage on params.yaml."""
    config = load()
    with replacing(RAW) as folder:
        download(config.dataset, folder)


if __name__ == "__main__":
    run_stage(main, __doc__)
