"""Headless Chromium, to test pages as a user sees them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser() -> str | None:
    """Find Chromium by ``CHROMIUM`` or on the path; None if there is none."""
    named = os.environ.get("CHROMIUM", "")
    found = (shutil.which(name) for name in (named, *BROWSERS) if name)
    return next((path for path in found if path), None)


@contextlib.contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    """Run Chromium; it ends with the context."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()
