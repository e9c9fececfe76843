"""Headless Chromium for the tests of pages, driven by Playwright. Without one of them these tests are skipped."""

import shutil
import time

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def wait_until(page, condition, seconds=10):
    """Wait until an expression is true. (The page forbids eval, which Playwright's own wait_for_function needs.)"""
    until = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < until, f"{condition} is false after {seconds} s"
        page.wait_for_timeout(20)


@pytest.fixture(scope="session")
def chromium():
    """A browser, for all tests of this process."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, tmp_path):
    """visit(text, width=1600, height=1000, scheme="light") -> the page, when it has started.

    At the end there must have been no message on its console, no error and no request.
    """
    contexts, seen = [], []

    def open_page(text, width=1600, height=1000, scheme="light", ready=True, **settings):
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **settings)
        contexts.append(context)
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        address = (tmp_path / "page.html").as_uri()
        page.on("request", lambda request: request.url in (address, "data:,") or seen.append(request.url))
        page.goto(address)
        if ready:
            wait_until(page, "document.documentElement.dataset.ready === 'true'")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert seen == []
