"""Visits the page in headless Chromium, as somebody with a list of anime would."""

import contextlib
import re

from helpers.browser import WAIT

SUMMARY = r"\d+ titles?: .*"


@contextlib.contextmanager
def visiting(browser, address, width=900, height=1000, scheme="light"):
    """Open the page in a browser of Playwright; yields a visitor."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.set_default_timeout(WAIT)
    visitor = Visitor(page, address)
    page.goto(address)
    page.get_by_label("Search for an anime").wait_for()
    yield visitor
    page.close()


class Visitor:
    """Somebody who visits the page.

    Attributes:
        page: Playwright's page.
        wrong: errors so far, and requests to other machines.
    """

    def __init__(self, page, address):
        self.page, self.wrong = page, []
        own = (address, address.replace("http", "ws"), "data:", "blob:")
        page.on("request", lambda request: self._request(request.url, own))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def _request(self, url, own):
        if not url.startswith(own):
            self.wrong.append(url)

    def idle(self):
        """Wait until the page has handled what was done."""
        before, now = None, self.text()
        while now != before:  # a run may begin late, cause another, and draw in steps
            self.page.wait_for_timeout(300)
            self.page.locator("[data-test-script-state=notRunning]").wait_for()
            before, now = now, self.text()

    def rate(self, title, rating, by_keyboard=False):
        """Search for a title, and rate it."""
        from playwright.sync_api import expect

        box = self.page.get_by_label("Search for an anime, then press Enter")
        if by_keyboard:
            self.reach(box, "Shift+Tab")
            self.page.keyboard.type(title)
        else:
            box.fill(title)
        self.page.keyboard.press("Enter")
        pills = self.ratings(title).first
        chosen = pills.get_by_role("radio", name=str(rating), exact=True)
        if by_keyboard:
            self.reach(pills.get_by_role("radio").first, "Tab")
            self.reach(chosen, "ArrowRight")
            self.page.keyboard.press("Space")
        else:
            chosen.click()
        expect(box).to_have_value("", timeout=WAIT)  # empty once the rating is stored
        self.idle()

    def ratings(self, title):
        """The buttons that rate a title."""
        return self.page.get_by_role("radiogroup", name=f"Your rating of {title}", exact=True)

    def bring(self, file, other=False):
        """Bring a list: one's own, or that of the other one in the open tab "For two"."""
        place = self.page.locator("[role=tabpanel]" if other else "details").first
        place.locator("input[type=file]").set_input_files(file)
        done = ".person" if other else "[data-testid=stAlertContentError], [role=tab]"
        self.page.locator(done).first.wait_for()
        self.idle()

    def open_tab(self, name):
        """Open a tab."""
        self.page.get_by_role("tab", name=name, exact=True).click()
        self.idle()

    def open_filters(self):
        """Open or close the filters."""
        self.page.locator("summary", has_text="Filters").click()
        self.idle()

    def choose(self, label, value):
        """Choose one of several values in the filters."""
        self.page.get_by_role("combobox", name=label).click()
        self.page.get_by_role("option", name=value, exact=True).click()
        self.page.keyboard.press("Escape")
        self.idle()

    def text(self):
        """What the page shows."""
        return self.page.locator("[data-testid=stMain]").inner_text()

    def titles(self):
        """Names of the titles that are listed in the open tab, the best first."""
        self.page.locator(".card h3").first.wait_for()
        names = self.page.locator(".card h3").all_inner_texts()
        ranks = [int(name.split(". ")[0]) for name in names]
        assert ranks == [*range(1, len(names) + 1)]
        return [name.split(". ", 1)[1] for name in names]

    def summary(self):
        """What the page says of the list."""
        return re.search(SUMMARY, self.text())[0]

    def width(self):
        """Width of the page in pixels."""
        return self.page.evaluate("document.documentElement.scrollWidth")

    def reach(self, element, key):
        """Press a key until an element has the focus."""
        element.wait_for()
        for _ in range(40):
            if element.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{key} does not lead to {element}")
