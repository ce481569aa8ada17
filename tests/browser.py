"""A walk through MLflow's UI in headless Chromium, with a picture of each stop.

``python tests/browser.py FOLDER`` walks through the newest sweep of this repository's store: the
pictures of the README are made so.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow

sys.path.append(str(Path(__file__).resolve().parents[1]))
from pipeline import tracking, views
from pipeline.tables import REPORT

WAIT = 60_000  # ms for the UI to show something


@contextlib.contextmanager
def served(repository, environment):
    """Serve the UI of a repository on a free port; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pipeline.ui", str(port)]
    with subprocess.Popen(
        command, cwd=repository, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5)
                break
            except OSError:
                assert process.poll() is None, process.stdout.read().decode()
                assert time.monotonic() < end, "the server did not answer"
                time.sleep(0.5)
        try:
            yield address
        finally:
            process.terminate()


def chromium():
    """The path of Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


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
    from playwright.sync_api import sync_playwright

    runs = f"{address}/#/experiments/{experiment}/runs"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
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
        browser.close()


def read(report, picture, width=1200):
    """Open a report, save a picture of its top; returns what went wrong and its width in pixels."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
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
    """Walk through the newest sweep of this repository, and open its report."""
    import os

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    read(REPORT, folder / "report.png")
    tracking.connect()
    parent = mlflow.search_runs(filter_string="tags.sweep != ''", output_format="list")[0]
    query = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    children = mlflow.search_runs(filter_string=query, output_format="list")
    with served(tracking.ROOT, os.environ) as address:
        walk(address, parent.info.experiment_id, parent, children, folder)


if __name__ == "__main__":
    main()
