"""Visits MLflow's UI, the page and the report in headless Chromium, and takes screenshots.

``python tests/helpers/browser.py FOLDER`` takes the screenshots of the documents: the newest sweep
in this repository's store, the report, and the page with the trained model.
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
from pipeline.paths import MODEL, REPORT, ROOT
from pipeline.tracking import runs, views

WAIT = 60_000  # ms until an element must appear, else playwright.sync_api.TimeoutError


def ui(repository, environment=None):
    """Serve MLflow's UI of a repository; yields its address."""
    return served("pipeline.ui", health="health", cwd=repository, environment=environment)


def page(repository):
    """Serve the page of a repository; yields its address."""
    words = ("run", "pipeline/app.py", "--server.port")
    return served("streamlit", *words, health="_stcore/health", cwd=repository)


def chromium():
    """The path of Chromium, or None if it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def needed():
    """Skip a test if no browser is installed."""
    pytest.importorskip("playwright")
    if chromium() is None:
        pytest.skip("Chromium is not installed; `apt install chromium` installs it")


@contextlib.contextmanager
def browsing():
    """Start headless Chromium; yields Playwright's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


def walk(address, experiment, parent, children, folder):
    """Take screenshots of the results, a sweep and the sweep's plot in MLflow's UI.

    Args:
        address: the UI's address.
        experiment: the experiment's id.
        parent: the run of a sweep.
        children: the runs of its jobs.
        folder: folder of the screenshots.
    """
    from playwright.sync_api import TimeoutError as Late

    runs = f"{address}/#/experiments/{experiment}/runs"
    with browsing() as browser:
        context = browser.new_context(viewport={"width": 1500, "height": 640})
        context.set_default_timeout(WAIT)

        def visit(url):
            page = context.new_page()
            page.goto(url)
            # MLflow opens its assistant, and a banner about the saved view, over the content.
            for name in ("Close", "Hide banner"):
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
    """Search for a title on the page, rate it, and wait until the page has handled it."""
    from playwright.sync_api import expect

    box = page.get_by_label("Search for an anime, then press Enter")
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
    expect(box).to_have_value("", timeout=WAIT)  # empty once the rating is stored
    page.locator("[data-test-script-state=notRunning]").wait_for()


def reach(page, element, key):
    """Press a key until an element has the focus."""
    element.wait_for()
    for _ in range(30):
        if element.evaluate("e => e === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {element}")


def rate(address, ratings, picture, width=900):
    """Rate titles on the page, and save a screenshot of the recommendations.

    Args:
        address: the page's address.
        ratings: pairs of a title's name and a rating; the last rating of a title counts.
        picture: file of the screenshot.
        width: width of the window in pixels.

    Returns:
        Text of the tab "for you"; rating of each title in "Your ratings"; errors, and requests to
        other machines; width of the page in pixels.
    """
    with browsing() as browser:
        page, wrong = browser.new_page(viewport={"width": width, "height": 1000}), []
        page.set_default_timeout(WAIT)
        page.on("request", lambda request: wrong.append(request.url))
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
        page.get_by_text("How many points more").wait_for()
        page.wait_for_timeout(1000)
        page.screenshot(path=picture.with_stem(f"{picture.stem}_taste"))
        page_width = page.evaluate("document.documentElement.scrollWidth")
        wrong = [text for text in wrong if not text.startswith(address)]
        return listed, shown, wrong, page_width


def rate_by_keyboard(address, ratings):
    """Rate titles by keyboard; opens "Or upload your ratings" and "Your taste" after the first.

    Returns:
        The tab that is open at the end, and whether the upload is still open.
    """
    with browsing() as browser:
        page = browser.new_page()
        page.set_default_timeout(WAIT)
        page.goto(address)
        for number, (title, rating) in enumerate(ratings):
            choose(page, title, rating, by_keyboard=True)
            if number == 0:
                reach(page, page.locator("summary", has_text="Or upload your ratings"), "Tab")
                page.keyboard.press("Enter")
                reach(page, page.get_by_role("tab").first, "Tab")
                reach(page, page.get_by_role("tab", name="Your taste"), "ArrowRight")
        opened = page.get_by_role("tab", selected=True).inner_text()
        return opened, page.get_by_text("a CSV file with the columns").is_visible()


def upload(address, files):
    """Upload each file to a fresh page; returns the text that the page shows for each."""
    shown = []
    with browsing() as browser:
        for file in files:
            page = browser.new_page()
            page.set_default_timeout(WAIT)
            page.goto(address)
            page.get_by_text("Or upload your ratings").click()
            page.locator("input[type=file]").set_input_files(file)
            page.locator("[data-testid=stAlertContentError], [role=tab]").first.wait_for()
            page.locator("[data-test-script-state=notRunning]").wait_for()
            shown.append(page.locator("[data-testid=stMain]").inner_text())
    return shown


def read(report, picture, width=1200):
    """Open a report and save a screenshot of its top; returns errors and its width in pixels."""
    with browsing() as browser:
        page, wrong = browser.new_page(viewport={"width": width, "height": 900}), []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url))
        page.goto(report.resolve().as_uri())
        page.wait_for_function("[...document.images].every(e => e.complete && e.naturalWidth)")
        page.screenshot(path=picture)
        inside = (report.resolve().as_uri(), "data:")
        wrong = [text for text in wrong if not text.startswith(inside)]
        return wrong, page.evaluate("document.documentElement.scrollWidth")


def main():
    """Take the screenshots of the documents."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    read(REPORT, folder / "report.png")
    runs.connect()
    parent = mlflow.search_runs(filter_string="tags.sweep != ''", output_format="list")[0]
    query = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    children = mlflow.search_runs(filter_string=query, output_format="list")
    with ui(ROOT) as address:
        walk(address, parent.info.experiment_id, parent, children, folder)
    titles = pq.read_table(MODEL / "titles.parquet")["title"].to_pylist()
    names = list(dict.fromkeys(titles[1:]))
    with page(ROOT) as address:
        rate(address, list(zip(names[:5], (9, 8, 3, 10, 5), strict=True)), folder / "page.png")


if __name__ == "__main__":
    main()
