"""Cards say what a title is, how likely each rating is, and why to watch it."""

import re
import tomllib

import pytest

from pipeline.artifact.scale import Scale
from pipeline.page.cards import card, card_for_two, spoken
from pipeline.paths import ROOT
from pipeline.recommender.rating_files.unpack import MAX_BYTES
from pipeline.recommender.reasons import KNOWN_BY_MANY

SCALE = Scale(1, 5)


@pytest.fixture
def title():
    return {
        "title": "A <b>bold</b> title", "type": "TV", "year": 2001, "genres": ["Drama"],
        "prediction": 4.2, "low": 3.6, "high": 5.0, "liked": 0.8, "watch": 0.1, "planned": False,
        "grades": [0.0, 0.05, 0.15, 0.5, 0.3],
        "why": [{"what": "genre Drama", "points": 0.2}, {"what": KNOWN_BY_MANY, "points": 0.3}],
        "why_watch": [{"what": "Tom & Jerry, rated 5", "share": 0.4}],
    }  # fmt: skip


def texts(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_names_are_escaped(title):
    html = card(1, title, SCALE)
    assert "A &lt;b&gt;bold&lt;/b&gt; title" in html
    assert "Tom &amp; Jerry" in html


def test_chances_are_written_for_those_who_cannot_see_the_picture(title):
    said = "0% for 1, 5% for 2, 15% for 3, 50% for 4, 30% for 5"
    assert spoken(title, SCALE) == f"How likely each rating is: {said}. 8 times in 10: 3.6 to 5.0."
    assert spoken(title, SCALE) in card(1, title, SCALE)


def test_the_bars_of_the_interval_are_coloured(title):
    bars = re.findall(r'<i class="(\w*)".*?</u>(\d)</i>', card(1, title, SCALE))
    assert [grade for inside, grade in bars if inside] == ["4", "5"]


def test_what_one_has_comes_first_and_how_well_known_a_title_is_never_does(title):
    said = "Because you have Tom &amp; Jerry, rated 5 What lifts your rating: genre Drama (+0.20); "
    assert f"{said}how well known it is (+0.30)" in texts(card(1, title, SCALE))
    alone = title | {"why": title["why"][1:], "why_watch": []}
    assert "known" not in card(1, alone, SCALE)


def test_no_chance_is_said_to_be_certain(title):
    assert "over 99% that you like it (4 or more)" in texts(card(1, title | {"liked": 1.0}, SCALE))
    assert "under 1% that you" in texts(card(1, title | {"liked": 0.0}, SCALE))


def test_notes_are_shown_where_there_are_any(title):
    noted = title | {"planned": True, "more_in_series": 3}
    shown = texts(card(1, noted, SCALE, "rated by 7 people"))
    assert "rated by 7 people on your plan and 3 more of this series" in shown
    assert '<p class="notes"></p>' in card(1, title, SCALE)


def test_two_people_see_the_ratings_of_both(title):
    other = title | {"prediction": 2.1, "liked": 0.1, "why_watch": [{"what": "Heidi, rated 1"}]}
    shown = texts(card_for_two(2, title | {"other": other}, SCALE))
    assert shown.startswith("2. A &lt;b&gt;bold")
    assert re.search(r"You 4\.2 .* 80% to like it The other one 2\.1 .* 10% to like it", shown)
    assert "You: because of Tom &amp; Jerry" in shown
    assert "The other one: because of Heidi" in shown


def test_the_page_is_for_this_machine_alone_and_takes_no_larger_files_than_are_read():
    server = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]
    assert server["address"] == "127.0.0.1", "Streamlit's default is every interface"
    assert server["maxUploadSize"] * 2**20 == MAX_BYTES
