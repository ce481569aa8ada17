"""Visits MLflow's UI and the report in headless Chromium, and takes screenshots."""

import contextlib
import shutil

import pytest

from benchmarks.process import served
from pipeline.tracking import views

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
    runs = f"{address}/#/experiments/{experiment}/runs"
    with browsing() as browser:
        context = browser.new_context(viewport={"width": 1500, "height": 640})
        context.set_default_timeout(WAIT)

        def visit(url):
            page = context.new_page()
            page.goto(url)
            return page

        def shoot(page, name):
            page.wait_for_timeout(3000)
            # MLflow opens its assistant, and a banner about the saved view, over the content.
            for overlay in ("Close", "Hide banner"):
                button = page.get_by_role("button", name=overlay, exact=True)
                if button.is_visible():
                    button.click()
            page.wait_for_timeout(500)
            page.screenshot(path=folder / name)

        page = visit(f"{runs}?{views.LINK}={views.RESULTS}")
        page.get_by_text(parent.info.run_name, exact=True).first.wait_for()
        page.get_by_text("test_mse", exact=True).first.wait_for()
        shoot(page, "results.png")
        page = visit(f"{runs}?{views.LINK}={views.SWEEP}")
        for child in children:
            page.get_by_text(child.info.run_name, exact=True).first.wait_for()
            if "test_mse" in child.data.metrics:
                shown = str(child.data.metrics["test_mse"])[:6]  # cut, as the UI may round
                page.get_by_text(shown).first.wait_for()
        shoot(page, "sweep.png")
        page = visit(f"{runs}/{parent.info.run_id}/artifacts/plots/jobs.png")
        picture = page.locator("img[src*='jobs.png'], img[src^='blob:']").first
        picture.wait_for()
        page.wait_for_function(
            "e => e.complete && e.naturalWidth > 300", arg=picture.element_handle()
        )
        shoot(page, "plot.png")


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
