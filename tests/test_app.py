"""The page in a real browser: bring a list or rate five titles, see what to watch next and why."""

import re
import shutil

import pytest
from helpers.browser import browsing, needed, page
from helpers.rating_files import BOMB, XML, export
from helpers.visitor import visiting

from pipeline.paths import MODEL

RATINGS = {f"Title number {i}": 10 if i % 2 else 2 for i in range(1, 6)}
TABS = ["What to watch next", "Next in your series", "Niche", "Your plan", "For two", "Your taste",
        "Your list"]  # fmt: skip
WATCHED, DROPPED, PLANNED = range(7, 9), range(9, 11), range(11, 15)


@pytest.fixture(scope="module")
def address(clone, models):
    """The address of the page, served from a clone with a trained model."""
    needed()
    shutil.copytree(models, clone / MODEL)
    with page(clone) as address:
        yield address


@pytest.fixture(scope="module")
def visit(address):
    """Open the page in a browser that all tests share."""
    with browsing() as browser:
        yield lambda **options: visiting(browser, address, **options)


@pytest.fixture(scope="module")
def long_list(tmp_path_factory):
    """An export of 200 titles with all statuses; the model knows 14 of them, all before 15."""
    rated = [(10 * i, 10 if i % 2 else 2, "Completed") for i in range(1, 7)]
    rest = {"Watching": WATCHED, "Dropped": DROPPED, "Plan to Watch": PLANNED}
    others = [(10 * i, 0, status) for status, items in rest.items() for i in items]
    unknown = [(9000 + i, i % 11, "Completed") for i in range(186)]
    file = tmp_path_factory.mktemp("list") / "animelist.xml"
    file.write_text(export([*rated, *others, *unknown]))
    return file


def named(numbers):
    return {f"Title number {i}" for i in numbers}


@pytest.mark.parametrize("width", [900, 390])
def test_five_ratings_give_twenty_titles_with_reasons(visit, width):
    with visit(width=width) as visitor:
        for title, rating in [("Title number 5", 1), *RATINGS.items()]:  # rated 1 first, then 10
            visitor.rate(title, rating)
        assert visitor.summary() == "5 titles: 5 rated."
        titles = visitor.titles()
        assert len(titles) == 20
        assert not set(titles) & set(RATINGS), "rated titles are not listed"
        assert int(titles[0].split()[-1]) % 2, "odd titles were rated highest"
        cards = visitor.page.locator(".card").all_inner_texts()
        assert all("Because you have Title number" in card for card in cards[:10])
        assert all(re.search(r"What lifts your rating: .* \(\+\d", card) for card in cards[:10])
        assert not any("lifts your rating: how well known" in card for card in cards)
        assert all(re.search(r"\d% that you like it", card) for card in cards)
        spoken = visitor.page.locator(".grades").first.get_attribute("aria-label")
        shares = [int(share) for share in re.findall(r"(\d+)% for \d+", spoken)]
        assert len(shares) == 10
        assert sum(shares) == pytest.approx(100, abs=5), "rounded chances of all ratings"
        assert re.search(r"8 times in 10: \d+\.\d to \d+\.\d", spoken)
        visitor.open_tab("Your list")
        for title, rating in RATINGS.items():
            chosen = visitor.ratings(title).get_by_role("radio", checked=True)
            assert chosen.inner_text() == str(rating)
        assert visitor.wrong == [], "no errors, and no request leaves the machine"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone_in_any_tab(visit, long_list, scheme):
    with visit(width=390, scheme=scheme) as visitor:
        assert visitor.width() == 390
        visitor.bring(long_list)
        assert visitor.page.get_by_role("tab").all_inner_texts() == TABS
        visitor.open_filters()
        for name in TABS:
            visitor.open_tab(name)
            assert visitor.width() == 390, name
        assert visitor.wrong == []


def test_one_can_rate_by_keyboard_while_open_parts_stay_open(visit):
    with visit() as visitor:
        page = visitor.page
        for number, (title, rating) in enumerate(RATINGS.items()):
            visitor.rate(title, rating, by_keyboard=True)
            if number == 0:
                visitor.titles()  # the first list is there: nothing is drawn while keys are pressed
                visitor.reach(page.locator("summary", has_text="Filters"), "Tab")
                page.keyboard.press("Enter")
                visitor.idle()
                visitor.reach(page.get_by_role("tab").first, "Tab")
                visitor.reach(page.get_by_role("tab", name="Your taste"), "ArrowRight")
                page.keyboard.press("Enter")
                visitor.idle()
        assert page.get_by_role("tab", selected=True).inner_text() == "Your taste"
        assert page.get_by_text("One title per series").is_visible()
        assert visitor.summary() == "5 titles: 5 rated."


def test_a_list_with_statuses_is_counted_and_none_of_it_is_listed(visit, long_list):
    with visit() as visitor:
        visitor.bring(long_list)
        said = "14 titles: 6 rated, 2 watched without a rating, 2 dropped, 4 planned."
        assert visitor.summary() == said
        assert set(visitor.titles()) == named(range(15, 32))
        assert "14 titles read, 8 without a rating." in visitor.text()
        assert "186 not in the catalogue: <anime> number 15: no title has the id" in visitor.text()
        visitor.open_tab("Your plan")
        assert set(visitor.titles()) == named(PLANNED)
        visitor.open_tab("Next in your series")
        assert "no title is left" in visitor.text()
        visitor.page.get_by_role("button", name="Start over").click()
        visitor.page.get_by_text("five are enough to start").wait_for()
        visitor.idle()
        assert visitor.page.get_by_role("tab").count() == 0


def test_filters_and_orders_hold_in_all_tabs_and_are_kept(visit, long_list):
    with visit() as visitor:
        visitor.bring(long_list)
        visitor.open_filters()
        visitor.choose("With all of these genres", "Odd")
        assert set(visitor.titles()) == named(range(15, 32, 2))
        visitor.page.get_by_role("radio", name="Surest").click()
        visitor.idle()
        visitor.open_tab("Niche")
        assert set(visitor.titles()) == named(range(15, 32, 2))
        visitor.open_tab("What to watch next")
        assert visitor.page.get_by_role("radio", name="Surest").is_checked()
        visitor.choose("Without these genres", "Odd")
        assert "genre odd: both required and excluded" in visitor.text()


def test_a_title_that_is_rated_or_hidden_on_its_card_is_not_listed_again(visit, long_list):
    with visit() as visitor:
        visitor.bring(long_list)
        first = visitor.titles()[0]
        for judge in (
            visitor.ratings(first).get_by_role("radio", name="3", exact=True),
            visitor.page.get_by_role("button", name="Do not show it again"),
        ):
            visitor.page.get_by_role("button", name="Seen it, or not for you?").first.click()
            judge.click()
            visitor.idle()
        said = "15 titles: 7 rated, 2 watched without a rating, 2 dropped, 4 planned."
        assert visitor.summary() == f"{said} 1 out of account."
        assert len(visitor.titles()) == 15
        assert first not in visitor.titles()


def test_titles_and_low_ratings_can_be_taken_out_of_account(visit):
    with visit() as visitor:
        for title, rating in RATINGS.items():
            visitor.rate(title, rating)
        before = visitor.page.locator(".card").first.inner_text()
        visitor.open_tab("Your list")
        visitor.page.locator("[data-testid=stCheckbox]", has_text="counts").first.click()
        visitor.idle()
        assert "1 out of account" in visitor.summary()
        handle = visitor.page.get_by_role("slider", name="Ratings count from")
        handle.focus()
        for _ in range(2):
            visitor.page.keyboard.press("ArrowRight")
            visitor.idle()
        visitor.open_tab("What to watch next")
        assert visitor.page.locator(".card").first.inner_text() != before
        cards = " ".join(visitor.page.locator(".card").all_inner_texts())
        assert "Title number 1," not in cards
        assert "rated 2" not in cards
        assert "rated 10" in cards


def test_two_people_get_titles_that_neither_has_seen_with_the_ratings_of_both(
    visit, long_list, tmp_path
):
    other = tmp_path / "other.csv"
    rows = [f"Title number {i},{10 if i % 2 == 0 else 2}" for i in range(20, 26)]
    other.write_text("\n".join(["title,rating", *rows]))
    with visit() as visitor:
        visitor.bring(long_list)
        visitor.open_tab("For two")
        visitor.bring(other, other=True)
        assert "The other one's list: 6 titles: 6 rated" in visitor.text()
        assert set(visitor.titles()) == named([*range(15, 20), *range(26, 32)])
        card = visitor.page.locator(".card").first
        assert [one.split("\n")[0] for one in card.locator(".person").all_inner_texts()] == [
            "You",
            "The other one",
        ]
        mine, theirs = (float(text) for text in card.locator(".person b").all_inner_texts())
        assert 1 <= min(mine, theirs) <= max(mine, theirs) <= 10
        visitor.open_tab("Your taste")
        visitor.open_tab("For two")
        assert len(visitor.titles()) == 11, "the other list is kept"


def test_ratings_are_uploaded_and_files_that_cannot_be_used_are_explained(visit, tmp_path):
    texts = {
        "export.xml": XML.replace(">5<", ">10<"),
        "mine.csv": "title,rating\ntitel number 3,9\ntitle number 4,2\n",
        "bomb.xml": BOMB,
        "zeros.csv": "\0" * 10_000_000,
        "unknown.csv": "title,rating\nzzz qqq <b>xxx</b>,9\n",
    }
    shown = {}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        with visit() as visitor:
            visitor.bring(tmp_path / name)
            shown[name] = visitor.text()
    assert "2 titles: 2 rated." in shown["export.xml"]
    assert "2 titles: 2 rated." in shown["mine.csv"]
    assert "1 by likeness: 'titel number 3' read as Title number 3." in shown["mine.csv"]
    assert "bomb.xml cannot be read as XML: it defines entities" in shown["bomb.xml"]
    assert "zeros.csv is not a text file" in shown["zeros.csv"]
    assert "no title is called 'zzz qqq <b>xxx</b>'" in shown["unknown.csv"]
