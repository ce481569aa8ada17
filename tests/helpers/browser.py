"""Walks through MLflow's UI and the page in headless Chromium, with a picture of each stop.

``python tests/helpers/browser.py FOLDER`` walks through the newest sweep of this repository's
store and asks its model on the page: it makes the pictures of the documents.
"""

import contextlib
import shutil
import sys
from pathlib import Path

import mlflow
import pyarrow.parquet as pq
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))
from benchmarks.process import served
from pipeline.paths import MODEL, REPORT
from pipeline.tracking import runs, views

WAIT = 60_000  # ms for the UI to show something


def ui(repository, environment=None):
    """Serve MLflow's UI of a repository."""
    return served("pipeline.ui", health="health", cwd=repository, environment=environment)


def page(repository):
    """Serve the page of a repository."""
    words = ("run", "pipeline/app.py", "--server.port")
    return served("streamlit", *words, health="_stcore/health", cwd=repository)


def chromium():
    """The path of Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def needed():
    """Skip a test where there is no browser."""
    pytest.importorskip("playwright")
    if chromium() is None:
        pytest.skip("Chromium is not installed; `apt install chromium` brings it")


@contextlib.contextmanager
def browsing():
    """Start Chromium without a window; yields Playwright's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


def walk(address, experiment, parent, children, folder):
    """Look at the results, the newest sweep and its picture, and save what is seen to a folder.

    Args:
        address: of the server.
        experiment: its id.
        parent: the run of a sweep.
        children: its jobs.
        folder: of the pictures.

    Raises:
        playwright.sync_api.TimeoutError: something is not there.
    """
    from playwright.sync_api import TimeoutError as Late

    runs = f"{address}/#/experiments/{experiment}/runs"
    with browsing() as browser:
        context = browser.new_context(viewport={"width": 1500, "height": 640})
        context.set_default_timeout(WAIT)

        def visit(place):
            page = context.new_page()
            page.goto(place)
            for name in ("Close", "Hide banner"):  # the assistant; that this is a saved view
                button = page.get_by_role("button", name=name, exact=True)
                with contextlib.suppress(Late):
                    button.click(timeout=8000)
            return page

        page = visit(f"{runs}?{views.LINK}={views.RESULTS}")
        page.get_by_text(parent.info.run_name, exact=True).first.wait_for()
        page.get_by_text("test_mse", exact=True).first.wait_for()
        page.wait_for_timeout(1500)
        page.screenshot(path=folder / "results.png")
        page = visit(f"{runs}?{views.LINK}={views.SWEEP}")
        for child in children:
            page.get_by_text(child.info.run_name, exact=True).first.wait_for()
            if "test_mse" in child.data.metrics:
                page.get_by_text(f"{child.data.metrics['test_mse']:.6f}"[:-1]).first.wait_for()
        page.wait_for_timeout(1500)
        page.screenshot(path=folder / "sweep.png")
        page = visit(f"{runs}/{parent.info.run_id}/artifacts/plots/jobs.png")
        picture = page.locator("img[src*='jobs.png'], img[src^='blob:']").first
        picture.wait_for()
        page.wait_for_function(
            "e => e.complete && e.naturalWidth > 300", arg=picture.element_handle()
        )
        page.wait_for_timeout(1500)
        page.screenshot(path=folder / "plot.png")


def choose(page, title, rating, by_keyboard=False):
    """Search a title on the page, rate it and wait until the page has taken it."""
    from playwright.sync_api import expect

    box = page.get_by_label("Search a title, then Enter")
    if by_keyboard:
        reach(page, box, "Shift+Tab")
        page.keyboard.type(title)
    else:
        box.fill(title)
    page.keyboard.press("Enter")
    pills = page.get_by_role("radiogroup", name=f"Your rating of {title}", exact=True).first
    if by_keyboard:
        reach(page, pills.get_by_role("radio").first, "Tab")
        reach(page, pills.get_by_role("radio", name=str(rating), exact=True), "ArrowRight")
        page.keyboard.press("Space")
    else:
        pills.get_by_role("radio", name=str(rating), exact=True).click()
    expect(box).to_have_value("", timeout=WAIT)  # the choice has arrived
    page.locator("[data-test-script-state=notRunning]").wait_for()


def reach(page, place, key):
    """Press a key until a place of the page has the focus."""
    place.wait_for()
    for _ in range(30):
        if place.evaluate("e => e === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {place}")


def rate(address, ratings, picture, width=900):
    """Search titles on the page and rate them, and save a picture of the list that comes.

    Args:
        address: of the page.
        ratings: pairs of a title's name and a rating; of two for a title the last counts.
        picture: file to save.
        width: of the window in pixels.

    Returns:
        The text of the tab "for you"; the rating that "Your ratings" shows of each title; the
        requests that left this machine, and errors; the width of what was shown.

    Raises:
        playwright.sync_api.TimeoutError: something is not there.
    """
    with browsing() as browser:
        page, wrong = browser.new_page(viewport={"width": width, "height": 1000}), []
        page.set_default_timeout(WAIT)
        page.on("request", lambda asked: wrong.append(asked.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        for number, (title, rating) in enumerate(ratings, start=1):
            choose(page, title, rating)
            distinct = len({title for title, _ in ratings[:number]})
            page.get_by_role("tab", name=f"Your ratings ({distinct})").wait_for()
        page.get_by_text("20. ").wait_for()
        page.wait_for_timeout(1000)
        page.screenshot(path=picture)
        listed = page.get_by_role("tabpanel").first.inner_text()
        page.get_by_role("tab", name="Your ratings").click()
        shown = {}
        for title in dict(ratings):
            pills = page.get_by_role("radiogroup", name=f"Your rating of {title}", exact=True)
            shown[title] = int(pills.get_by_role("radio", checked=True).inner_text())
        page.get_by_role("tab", name="Your taste").click()
        page.get_by_text("Points by which you are predicted").wait_for()
        page.wait_for_timeout(1000)
        page.screenshot(path=picture.with_stem(f"{picture.stem}_taste"))
        wide = page.evaluate("document.documentElement.scrollWidth")
        return listed, shown, [text for text in wrong if not text.startswith(address)], wide


def rate_on(address, ratings):
    """Rate titles by keyboard, with "Or bring a list" and "Your taste" open since the first.

    Returns:
        The tab that is open at the end, and if there is still a place to bring a list to.
    """
    with browsing() as browser:
        page = browser.new_page()
        page.set_default_timeout(WAIT)
        page.goto(address)
        for number, (title, rating) in enumerate(ratings):
            choose(page, title, rating, by_keyboard=True)
            if number == 0:
                reach(page, page.locator("summary", has_text="Or bring a list"), "Tab")
                page.keyboard.press("Enter")
                reach(page, page.get_by_role("tab").first, "Tab")
                reach(page, page.get_by_role("tab", name="Your taste"), "ArrowRight")
        opened = page.get_by_role("tab", selected=True).inner_text()
        return opened, page.get_by_text("CSV with title and rating").is_visible()


def bring(address, files):
    """Bring lists to the page, one after the other; returns what it says to each."""
    said = []
    with browsing() as browser:
        for file in files:
            page = browser.new_page()
            page.set_default_timeout(WAIT)
            page.goto(address)
            page.get_by_text("Or bring a list").click()
            page.locator("input[type=file]").set_input_files(file)
            page.locator("[data-testid=stAlertContentError], [role=tab]").first.wait_for()
            page.locator("[data-test-script-state=notRunning]").wait_for()
            said.append(page.locator("[data-testid=stMain]").inner_text())
    return said


def read(report, picture, width=1200):
    """Open a report, save a picture of its top; returns what went wrong and its width in pixels."""
    with browsing() as browser:
        page, wrong = browser.new_page(viewport={"width": width, "height": 900}), []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: wrong.append(asked.url))
        page.goto(report.resolve().as_uri())
        page.wait_for_function("[...document.images].every(e => e.complete && e.naturalWidth)")
        page.screenshot(path=picture)
        asked = (report.resolve().as_uri(), "data:")
        wrong = [text for text in wrong if not text.startswith(asked)]
        return wrong, page.evaluate("document.documentElement.scrollWidth")


def main():
    """Walk through the newest sweep of this repository, open its report, ask its model."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    read(REPORT, folder / "report.png")
    runs.connect()
    parent = mlflow.search_runs(filter_string="tags.sweep != ''", output_format="list")[0]
    query = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    children = mlflow.search_runs(filter_string=query, output_format="list")
    with ui(runs.ROOT) as address:
        walk(address, parent.info.experiment_id, parent, children, folder)
    titles = pq.read_table(MODEL / "titles.parquet")["title"].to_pylist()
    names = list(dict.fromkeys(titles[1:]))
    with page(runs.ROOT) as address:
        ratings = list(zip(names[:5], (9, 8, 3, 10, 5), strict=True))
        rate(address, ratings, folder / "page.png")


if __name__ == "__main__":
    main()
