"""A real Chromium for the tests marked `browser`, and a page that remembers what went wrong on it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
# Chromium asks the outside for updates and the like as soon as it starts; a test machine has no outside.
FLAGS = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
HERE = ("127.0.0.1", "localhost")


def executable() -> str | None:
    """The Chromium to drive: $CHROMIUM, one on the PATH, or (None) the one that Playwright itself has fetched."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # as root, as in a container, Chromium's sandbox cannot start
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS, chromium_sandbox=not root)
        yield browser
        browser.close()


class Watched:
    """A page and its faults: errors on the console, uncaught exceptions, failed requests, requests to the outside."""

    def __init__(self, browser: Browser, **context: object):
        self.faults: list[str] = []
        self.page: Page = browser.new_context(**context).new_page()
        self.page.on("console", lambda message: message.type == "error" and self._add("console", message.text))
        self.page.on("pageerror", lambda error: self._add("exception", str(error)))
        self.page.on("requestfailed", lambda request: self._add("failed", f"{request.url}: {request.failure}"))
        self.page.on("request", self._request)

    def _add(self, kind: str, text: str) -> None:
        self.faults.append(f"{kind}: {text}")

    def _request(self, request: object) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "file", "about") and parts.hostname not in HERE:
            self._add("outside", request.url)

    def screenshot(self, path: Path, **options: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, **options)
        return path
