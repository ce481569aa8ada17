"""Names of titles are text wherever they are shown, whatever markup is in them."""

import re
from html import unescape

import numpy as np
import pytest

from pipeline.artifact.scale import Scale
from pipeline.page.cards import card, line
from pipeline.page.lists import plain
from pipeline.recommend import show
from pipeline.recommender.names import Names

NAMES = {
    "html": "<img src=x onerror=alert(1)>", "script": "<script>alert(2)</script>",
    "rich": "[red]x[/red]", "link of rich": "[link=http://a.example]x[/link]", "bold": "**x**",
    "latex": "$x^2$", "icon": ":material/home:", "emoji": ":smile:", "colour": ":red[x]",
    "image": "![x](http://a.example/x.png)", "code": "`x`", "heading": "# x", "entity": "&lt;b&gt;",
}  # fmt: skip
MARKDOWN = r"(?<!\\)[`*_{}\[\]()#+\-.!$:~<>|&]"  # without a backslash before it


def title(name):
    return {
        "title": name, "type": name, "year": 2001, "genres": [name], "anime_id": 1,
        "prediction": 4.2, "low": 3.6, "high": 5.0, "liked": 0.8, "watch": 0.1, "planned": False,
        "grades": [0.0, 0.05, 0.15, 0.5, 0.3], "why": [{"what": f"genre {name}", "points": 0.2}],
        "why_watch": [{"what": f"{name}, rated 5", "share": 0.4}],
    }  # fmt: skip


named = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())


@named
def test_a_name_is_text_on_the_page(name):
    for html in (card(1, title(name), Scale(1, 5)), line(title(name), name)):
        text = unescape(re.sub(r"</?(?:div|h3|p|b|i|u|s|span|br)\b[^>]*>", "\n", html))
        assert name in text
        assert text.count("<") == text.count(name) * name.count("<"), "no other tag is left"


@named
def test_a_name_is_text_in_a_message_of_the_page(name):
    escaped = plain(f"no title is called {name}.")
    assert not re.search(MARKDOWN, escaped.replace("\\\\", ""))
    shown = escaped.replace("\\", "")
    assert shown.replace("\u2060", "") == f"no title is called {name}."
    assert not re.search(r":[\w+/-]+:", shown), "Streamlit looks for icons without escapes"


@named
def test_a_name_is_text_in_the_console(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    show([title(name)])
    said = capsys.readouterr().out
    assert said.count(name) == 5, "title, type, genre, and both reasons"


def test_a_name_does_not_steer_the_terminal():
    names = Names([None, "\x1b[31mred\x1b]0;x\x07\r"], [None] * 2, np.array([0, 1]))
    assert names.shown[1] == " [31mred ]0;x  "
