"""A photo of 24 megapixels does not freeze the page: its thread is never busy for long, and clicks are answered.

A large JPEG is seen smaller before it is there as a whole, and looks the same.
"""

import base64
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

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


OVERVIEWS = """
(async () => {{
  const bytes = Uint8Array.from(atob("{file}"), (letter) => letter.charCodeAt(0));
  const blob = new Blob([bytes], {{ type: "image/jpeg" }});
  const {{ Layer }} = await import("/page/js/pixels.js");
  const layer = await Layer.make("picture", {{ blob }});
  const seen = () => {{
    const [canvas, {{ overview }}] = [new OffscreenCanvas(24, 24), layer];
    const context = canvas.getContext("2d");
    context.drawImage(overview, 0, 0, 24, 24);
    return [overview.width, overview.height, ...context.getImageData(0, 0, 24, 24).data];
  }};
  const first = [layer.reduced, layer.width, layer.height, ...seen()];
  await layer.refine();
  const whole = await createImageBitmap(blob);
  const then = [layer.reduced, whole.width, whole.height, ...seen()];
  layer.close();
  return [first, then];
}})()
"""


@pytest.fixture(scope="module")
def opened(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LookPage]:
    folder = tmp_path_factory.mktemp("reduced")
    with ServiceProcess(folder) as service, Browser(chromium, folder / "profile") as browser:
        page = LookPage(browser, service.url)
        page.open()
        yield page


@pytest.mark.parametrize(
    ("width", "height", "orientation", "progressive"),
    [(1601, 1103, 1, True), (3201, 1103, 1, False), *((1601, 1103, orientation, False) for orientation in range(1, 9))],
)
def test_a_reduced_jpeg_looks_like_the_whole_one(
    opened: LookPage, width: int, height: int, orientation: int, progressive: bool
) -> None:
    corners = Image.new("RGB", (2, 2))
    corners.putdata([(220, 40, 30), (30, 200, 60), (40, 60, 210), (230, 220, 90)])
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    drawn = corners.resize((width, height), Image.Resampling.BICUBIC)
    drawn.save(file, "JPEG", quality=90, exif=exif, progressive=progressive)
    text = base64.b64encode(file.getvalue()).decode()
    (reduced, *first), (refined, *then) = opened.browser.evaluate(OVERVIEWS.format(file=text))
    assert (reduced, refined) == (True, False)
    assert first[:4] == then[:4]
    assert max(abs(one - other) for one, other in zip(first[4:], then[4:], strict=True)) <= 6


def test_a_file_that_is_called_a_jpeg_is_seen_too(opened: LookPage) -> None:
    file = io.BytesIO()
    Image.new("RGB", (1700, 300), "teal").save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode()
    (reduced, *first), (_, *then) = opened.browser.evaluate(OVERVIEWS.format(file=text))
    assert not reduced
    assert first == then


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
