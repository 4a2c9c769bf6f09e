"""Time from drop to the first picture of the result in a browser, beside the same request by an HTTP client.

``python -m tests.benchmarks.page.delay`` starts an embedded service with the real models. The photo is drawn; each time
its file has another comment, so that there is as much to do and no result is known before. Between them it waits until
the service has nothing to do; the two take turns at being first. The longest task of the page's main thread is measured
too.
"""

import argparse
import io
import statistics
import tempfile
import time
from pathlib import Path

import httpx2
import numpy as np
from PIL import Image

from tests.assets.browser import Browser, find_browser
from tests.assets.draw_sample import draw_sample
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.service import running_service

SIDES = {12: (4000, 3000), 24: (6000, 4000)}
WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const {duration} of list.getEntries()) window.longest = Math.max(window.longest, duration);
}).observe({type: 'longtask', buffered: true});
"""
SHOWN = """
new Promise((shown) => {
  const tag = document.getElementById('tag-after');
  const look = () => tag.hidden || requestAnimationFrame(() => setTimeout(shown));
  new MutationObserver(look).observe(tag, {attributes: true});
})
"""
"""Ends once the result's picture is drawn; to ask every so often instead would take time from the job."""


def photo(megapixels: int, comment: str) -> bytes:
    """A JPEG of that size with a comment."""
    picture = Image.fromarray(draw_sample()).resize(SIDES[megapixels], Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).integers(-6, 7, (500, 500, 3)).astype(np.int16)
    height, width = picture.height // 500, picture.width // 500
    pixels = np.clip(np.asarray(picture) + np.tile(grain, (height, width, 1)), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90, comment=comment)
    return file.getvalue()


def by_client(client: httpx2.Client, data: bytes) -> float:
    """Seconds of the request for the JPEG itself."""
    began = time.perf_counter()
    headers = {"Prefer": "wait=300", "Accept": "image/jpeg"}
    reply = client.post("/v1/varjpeg", files={"image": data}, data={"target_sur": "0.75"}, headers=headers)
    reply.raise_for_status()
    return time.perf_counter() - began


def by_page(browser: Browser, url: str, path: Path) -> tuple[float, float]:
    """Seconds until the result is seen, and milliseconds of the main thread's longest task until then."""
    browser.open("about:blank")
    browser.open(url)
    browser.until("document.getElementById('observer').options.length > 1", 30)
    began = time.perf_counter()
    browser.choose_file("#file", path)
    browser.evaluate(SHOWN)
    took = time.perf_counter() - began
    longest: float = browser.evaluate("window.longest")
    browser.open("about:blank")  # cancels what follows from the result
    return took, longest


def wait_until_idle(client: httpx2.Client) -> None:
    """Until no job is left that would take time from the next one."""
    while not {"limen_queue_jobs 0.0", "limen_running_jobs 0.0"} <= set(client.get("/metrics").text.splitlines()):
        time.sleep(0.5)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=int, choices=SIDES, default=12)
    parser.add_argument("--times", type=int, default=9, help="of each, in turns")
    parser.add_argument("--url", help="of a running service, instead of one started for this")
    options = parser.parse_args()
    program = find_browser()
    assert program is not None, "no Chromium on the PATH"
    print(describe_machine())
    with tempfile.TemporaryDirectory() as folder, running_service(options.url) as client:
        plain, page, longest = [], [], []
        by_client(client, photo(options.megapixels, "first"))  # what is compiled and loaded once is not counted
        with Browser(program, Path(folder) / "profile", width=1440, height=900) as browser:
            browser.before_load(WATCH)
            for turn in range(1, options.times + 1):
                path = Path(folder) / f"{turn}.jpg"
                path.write_bytes(photo(options.megapixels, f"page {turn}"))
                for who in ("client", "page") if turn % 2 else ("page", "client"):
                    wait_until_idle(client)
                    if who == "client":
                        plain.append(by_client(client, photo(options.megapixels, f"client {turn}")))
                    else:
                        took, task = by_page(browser, str(client.base_url), path)
                        page.append(took)
                        longest.append(task)
                print(f"client {plain[-1]:.2f} s, page {page[-1]:.2f} s, task {longest[-1]:.0f} ms")
    more = statistics.median(page) - statistics.median(plain)
    print(f"{options.megapixels} megapixels, median: page {more:+.2f} s; longest task {max(longest):.0f} ms")


if __name__ == "__main__":
    main()
