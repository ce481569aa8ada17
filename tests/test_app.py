"""The page in a real browser: search, rate five titles, get twenty with reasons."""

import re
import shutil

import pytest
from helpers.browser import needed, page, rate, rate_by_keyboard, upload
from helpers.rating_files import BOMB, XML

from pipeline.paths import MODEL

RATINGS = {f"Title number {i}": 10 if i % 2 else 2 for i in range(1, 6)}


@pytest.fixture(scope="module")
def address(clone, models):
    """The address of the page, served from a clone with a trained model."""
    needed()
    shutil.copytree(models, clone / MODEL)
    with page(clone) as address:
        yield address


@pytest.mark.parametrize("width", [900, 390])
def test_five_ratings_give_twenty_titles_with_reasons(address, tmp_path, width):
    changed = [("Title number 5", 1), *RATINGS.items()]  # rated 1 first, then 10
    listed, shown, wrong, page_width = rate(address, changed, tmp_path / "page.png", width)
    assert shown == RATINGS
    assert re.findall(r"^(\d+)\. Title number", listed, re.MULTILINE) == [*map(str, range(1, 21))]
    reasons = re.findall(r"^(because of .* \+\d|no single reason)", listed, re.MULTILINE)
    assert len(reasons) == 20
    assert all(reason.startswith("because") for reason in reasons[:10])
    assert not any(f"{title}:" in listed for title in RATINGS), "rated titles are not listed"
    first = int(re.search(r"1\. Title number (\d+)", listed)[1])
    assert first % 2 == 1, "odd titles were rated highest"
    assert wrong == [], "no errors, and no request leaves the machine"
    assert page_width == width, "nothing is wider than the window"


def test_one_can_rate_by_keyboard_while_open_parts_stay_open(address):
    assert rate_by_keyboard(address, RATINGS.items()) == ("Your taste", True)


def test_ratings_are_uploaded_and_files_that_cannot_be_used_are_explained(address, tmp_path):
    texts = {
        "export.xml": XML.replace(">5<", ">10<"),
        "mine.csv": "title,rating\ntitel number 3,9\ntitle number 4,2\n",
        "bomb.xml": BOMB,
        "zeros.csv": "\0" * 10_000_000,
        "unknown.csv": "title,rating\nzzz qqq xxx,9\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    files = [tmp_path / name for name in texts]
    shown = dict(zip(texts, upload(address, files), strict=True))
    assert "Your ratings (2)" in shown["export.xml"]
    assert "Your ratings (2)" in shown["mine.csv"]
    assert "bomb.xml cannot be read as XML: EntitiesForbidden" in shown["bomb.xml"]
    assert "zeros.csv, line 1: not valid CSV" in shown["zeros.csv"]
    assert "no title is called 'zzz qqq xxx'" in shown["unknown.csv"]
