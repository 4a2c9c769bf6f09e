"""A photo of 24 megapixels does not freeze the page: its thread is never busy for long, and clicks are answered."""

import time
from pathlib import Path

import pytest

from tests.assets.browser import Browser
from tests.assets.drawn_photos import large
from tests.assets.look_page import LookPage
from tests.assets.pace import in_time
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
LONGEST_S = 0.5
SLOWEST_S = 1.0
WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const {duration} of list.getEntries()) window.longest = Math.max(window.longest, duration / 1000);
}).observe({type: 'longtask', buffered: true});
"""
CLICK = """
new Promise((resolve) => {
  const began = performance.now();
  document.getElementById('zoom-in').click();
  document.getElementById('zoom-fit').click();
  requestAnimationFrame(() => setTimeout(() => resolve((performance.now() - began) / 1000)));
})
"""
"""Seconds from a click until the next frame has been drawn."""


def test_a_large_photo_does_not_freeze_the_page(chromium: str, tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as service, Browser(chromium, tmp_path / "profile") as browser:
        browser.resize(1440, 900)
        browser.before_load(WATCH)
        page = LookPage(browser, service.url)
        page.open()
        browser.choose_file("#file", large(tmp_path))
        slowest = busy_clicks(page)
        page.pick("mode", "difference")
        page.set("layer", "quality")
        for act in ("zoom-100", "zoom-200", "zoom-fit"):
            page.click(act)
            browser.drag("#result", (0.2, 0.2), (0.4, 0.5), (0.6, 0.6))
        page.click("protect")
        browser.drag("#result", (0.3, 0.3), (0.5, 0.4), (0.6, 0.6))
        page.click("protect-encode")
        browser.until("document.getElementById('protect-state').textContent !== ''", 60)
        slowest = max(slowest, busy_clicks(page))
        page.click("open-blind")
        page.click("blind-start")
        browser.until("document.getElementById('blind-count').textContent === 'Trial 1 of 20'", 30)
        assert "6000 × 4000" in page.text("photo-size")
        assert in_time(browser.evaluate("window.longest"), LONGEST_S)
        assert slowest < SLOWEST_S
        page.assert_clean()


def busy_clicks(page: LookPage) -> float:
    """Click the zoom until all work is done; the longest time in seconds that an answer took."""
    slowest, end = 0.0, time.monotonic() + 120
    while page.browser.evaluate("document.getElementById('status').textContent") != "Done.":
        assert time.monotonic() < end
        slowest = max(slowest, page.browser.evaluate(CLICK))
        time.sleep(0.05)
    return slowest
