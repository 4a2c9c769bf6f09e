"""Time from drop to the first picture of the result in a browser, beside the same request by an HTTP client.

``python -m tests.benchmarks.page.delay`` starts an embedded service with the real models. The photo is drawn; each time
its file has another comment, so that there is as much to do and no result is known before. Between them it waits until
the service has nothing to do; the two take turns at being first. Jobs differ by more than what is sought, so of each
it is also said how long it took beyond its job's own run; what the browser takes from the job's processors shows in the
whole alone. The longest task of the page's main thread is measured too.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.assets.browser import Browser, find_browser
from tests.assets.draw_sample import draw_sample
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.service import running_service

SIDES = {12: (4000, 3000), 24: (6000, 4000)}
RUN_SECONDS = 'limen_job_run_seconds_total{capability="varjpeg"'
Measured = tuple[str, float, float, float]
"""Who asked, seconds until it was there, seconds that the job ran, milliseconds of the page's longest task."""
CHOOSING_S = 3.0
"""Before the drop and before the client's request: nobody chooses a photo while a browser is still busy with its start,
and a service that has just been asked is faster than one that has had nothing to do."""
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
    time.sleep(CHOOSING_S)
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
    time.sleep(CHOOSING_S)
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


def run_seconds(client: httpx2.Client) -> float:
    """Of all files that the service has made so far."""
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(RUN_SECONDS))


@dataclass(slots=True)
class Times:
    """Seconds of each request, and how many of them were not the job's own."""

    whole: list[float] = field(default_factory=list)
    beyond: list[float] = field(default_factory=list)

    def add(self, took: float, ran: float) -> None:
        """One more request, whose job ran so long."""
        self.whole.append(took)
        self.beyond.append(took - ran)

    @property
    def medians(self) -> NDArray[np.float64]:
        """Of both, (2,)."""
        return np.array([statistics.median(self.whole), statistics.median(self.beyond)])


def measure(client: httpx2.Client, browser: Browser, folder: Path, megapixels: int, turn: int) -> Iterator[Measured]:
    """Both ways of one turn, each as soon as the service has nothing to do."""
    path = folder / f"{turn}.jpg"
    path.write_bytes(photo(megapixels, f"page {turn}"))
    for who in ("client", "page") if turn % 2 else ("page", "client"):
        wait_until_idle(client)
        before, task = run_seconds(client), 0.0
        if who == "client":
            took = by_client(client, photo(megapixels, f"client {turn}"))
        else:
            took, task = by_page(browser, str(client.base_url), path)
        yield who, took, run_seconds(client) - before, task


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=int, choices=SIDES, default=12)
    parser.add_argument("--times", type=int, default=15, help="of each, in turns")
    parser.add_argument("--url", help="of a running service, instead of one started for this")
    options = parser.parse_args()
    program = find_browser()
    assert program is not None, "no Chromium on the PATH"
    print(describe_machine())
    times, longest = {"client": Times(), "page": Times()}, 0.0
    with tempfile.TemporaryDirectory() as name, running_service(options.url) as client:
        by_client(client, photo(options.megapixels, "first"))  # what is compiled and loaded once is not counted
        with Browser(program, Path(name) / "profile", width=1440, height=900) as browser:
            browser.before_load(WATCH)
            for turn in range(1, options.times + 1):
                for who, took, ran, task in measure(client, browser, Path(name), options.megapixels, turn):
                    times[who].add(took, ran)
                    longest = max(longest, task)
                    print(f"{who} {took:.2f} s, {took - ran:.2f} s beyond its job")
    whole, beyond = times["page"].medians - times["client"].medians
    print(f"{options.megapixels} megapixels, medians: page {whole:+.2f} s, beyond the jobs {beyond:+.2f} s")
    print(f"longest task {longest:.0f} ms")


if __name__ == "__main__":
    main()
