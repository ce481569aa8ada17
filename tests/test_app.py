"""The page in a real browser: search, rate five, get twenty with reasons."""

import re
import shutil

import pytest
from helpers.browser import bring, needed, page, rate, rate_on
from helpers.rating_files import BOMB, XML

RATINGS = {f"Title number {i}": 10 if i % 2 else 2 for i in range(1, 6)}


@pytest.fixture(scope="module")
def address(clone, models):
    """The page of a clone with a trained model."""
    needed()
    shutil.copytree(models, clone / "models", dirs_exist_ok=True)
    with page(clone) as address:
        yield address


@pytest.mark.parametrize("width", [900, 390])
def test_five_ratings_give_twenty_titles_with_reasons(address, tmp_path, width):
    again = [("Title number 5", 1), *RATINGS.items()]  # one thinks better of the first
    listed, shown, wrong, wide = rate(address, again, tmp_path / "page.png", width)
    assert shown == RATINGS
    assert re.findall(r"^(\d+)\. Title number", listed, re.MULTILINE) == [*map(str, range(1, 21))]
    reasons = re.findall(r"^(because of .* \+\d|nothing of what you rated)", listed, re.MULTILINE)
    assert len(reasons) == 20
    assert all(reason.startswith("because") for reason in reasons[:10])
    assert not any(f"{title}:" in listed for title in RATINGS), "what was rated is not listed"
    first = int(re.search(r"1\. Title number (\d+)", listed)[1])
    assert first % 2 == 1, "odd titles were liked"
    assert wrong == [], "no request leaves the machine"
    assert wide == width, "nothing sticks out at the side"


def test_one_rates_on_by_keyboard_and_what_is_open_stays_open(address):
    assert rate_on(address, RATINGS.items()) == ("Your taste", True)


def test_lists_are_brought_and_what_is_wrong_with_one_is_said(address, tmp_path):
    texts = {
        "export.xml": XML.replace(">5<", ">10<"),
        "mine.csv": "title,rating\ntitel number 3,9\ntitle number 4,2\n",
        "bomb.xml": BOMB,
        "zeros.csv": "\0" * 10_000_000,
        "strange.csv": "title,rating\nzzz qqq xxx,9\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    said = dict(zip(texts, bring(address, [tmp_path / name for name in texts]), strict=True))
    assert "Your ratings (2)" in said["export.xml"]
    assert "Your ratings (2)" in said["mine.csv"]
    assert "bomb.xml is no XML that can be read: EntitiesForbidden" in said["bomb.xml"]
    assert "zeros.csv, line 1: no CSV" in said["zeros.csv"]
    assert "no title is called 'zzz qqq xxx'" in said["strange.csv"]
