"""Takes the screenshots of the documents: ``python tests/helpers/pictures.py docs/images``.

They show the newest sweep in this repository's store, the report, and the page with the trained
model and the lists of two users of the data.
"""

import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np

sys.path += [str(Path(__file__).resolve().parents[part]) for part in (1, 2)]
from helpers.browser import browsing, page, read, ui, walk
from helpers.rating_files import export
from helpers.visitor import visiting
from pipeline.paths import MODEL, REPORT, ROOT
from pipeline.recommender.recommender import Recommender
from pipeline.tracking import connection

LENGTH = 150  # ratings of the users whose lists are brought, about


def pictures_of_runs(folder):
    """Take the pictures of the newest sweep in MLflow."""
    connection.connect()
    parent = mlflow.search_runs(filter_string="tags.sweep != ''", output_format="list")[0]
    query = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    children = mlflow.search_runs(filter_string=query, output_format="list")
    with ui(ROOT) as address:
        walk(address, parent.info.experiment_id, parent, children, folder)


def bring_lists(folder):
    """Write the lists of two users as exports, with some titles planned, dropped or not rated."""
    recommender, files = Recommender(ROOT / MODEL), []
    users = recommender.on_lists
    counts = np.array([len(users.ratings(row, row)[1]) for row in users.raters])
    nearest = np.argsort(np.abs(counts - LENGTH), kind="stable")
    for number, row in enumerate(users.raters[nearest[:2]]):
        _, items, ratings = users.ratings(row, row)
        statuses = ["Plan to Watch", "Dropped", *["Completed"] * 10]
        entries = [
            (recommender.catalogue.ids.of_row[item], 0 if i % 12 in (0, 5) else int(rating),
             statuses[i % 12])
            for i, (item, rating) in enumerate(zip(items, ratings, strict=True))
        ]  # fmt: skip
        files.append(folder / f"list{number}.xml")
        files[-1].write_text(export(entries), encoding="utf-8")
    return files


def pictures_of_the_page(folder):
    """Take the pictures of the page, wide and on a phone, and of a list for two."""
    with tempfile.TemporaryDirectory() as temporary, page(ROOT) as address, browsing() as browser:
        mine, other = bring_lists(Path(temporary))
        for name, width in (("page", 900), ("phone", 390)):
            with visiting(browser, address, width) as visitor:
                visitor.bring(mine)
                visitor.page.screenshot(path=folder / f"{name}.png")
        with visiting(browser, address) as visitor:
            visitor.bring(mine)
            visitor.open_tab("For two")
            visitor.bring(other, other=True)
            visitor.page.screenshot(path=folder / "two.png")


def main():
    """Take all of them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pictures_of_the_page(folder)
    read(REPORT, folder / "report.png")
    pictures_of_runs(folder)


if __name__ == "__main__":
    main()
