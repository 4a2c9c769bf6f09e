"""The page at ``/`` and the one at ``/docs`` in a real browser, against a running service with canned models."""

import base64
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.assets.browser import Browser
from tests.assets.look_page import LookPage
from tests.assets.photos import SLOW_WIDTH, encoded, scene, scene_jpeg, scene_png
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("page"), profile="flicker") as running:
        yield running


@pytest.fixture
def browser(chromium: str, tmp_path: Path) -> Iterator[Browser]:
    with Browser(chromium, tmp_path / "profile") as opened:
        yield opened


@pytest.fixture
def page(service: ServiceProcess, browser: Browser) -> LookPage:
    return LookPage(browser, service.url)


HAND_OVER = """
(async () => {
  const blob = await (await fetch('/page/sample.png')).blob();
  const data = new DataTransfer();
  data.items.add(new File([blob], 'handed.png', {type: 'image/png'}));
  const event = %s;
  Object.defineProperty(event, '%s', {value: data});
  document.dispatchEvent(event);
})()
"""


def test_the_sample_is_shown_by_its_link(page: LookPage) -> None:
    page.open("?sample")
    page.until_done()
    assert page.text("photo-name") == "raccoon.jpg"
    assert page.browser.evaluate("document.getElementById('observer').value") == "flicker"  # the service's default
    assert page.text("observer-text") == "Original and JPEG alternating in place."
    assert page.browser.evaluate("document.querySelectorAll('#plot .curve').length") == 1
    assert page.figures("figures")["of viewers see no difference"] == "75 %"
    page.set("target", 90)
    page.browser.until("document.getElementById('figures').textContent.includes('90 %')", 30)
    page.until_done()
    page.assert_clean()


@pytest.mark.parametrize(
    ("event", "member"),
    [
        ("new Event('paste', {cancelable: true})", "clipboardData"),
        ("new Event('drop', {cancelable: true})", "dataTransfer"),
    ],
)
def test_a_photo_can_be_pasted_and_dropped(page: LookPage, event: str, member: str) -> None:
    page.open()
    page.browser.evaluate(HAND_OVER % (event, member))
    page.browser.until("document.getElementById('photo-name').textContent === 'handed.png'", 20)
    page.until_done()
    page.assert_clean()


def test_a_problem_is_shown_with_its_explanation(page: LookPage, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(scene_png()[:40])
    page.open()
    page.browser.choose_file("#file", broken)
    page.browser.until("!document.getElementById('problem').hidden", 30)
    assert "cannot be decoded" in page.text("problem")
    page.choose(saved(tmp_path / "good.jpg", scene_jpeg()))  # and the next photo works
    assert page.text("problem") == ""
    page.browser.choose_file("#file", broken)
    page.browser.until("!document.getElementById('problem').hidden", 30)
    page.browser.open(page.browser.evaluate("document.querySelector('#problem a').href"))
    assert "cannot be decoded" in page.browser.evaluate("document.body.textContent")


def test_a_photo_that_the_browser_cannot_read_gets_a_stand_in(page: LookPage, tmp_path: Path) -> None:
    page.open()
    page.choose(saved(tmp_path / "photo.tif", encoded(scene(), "TIFF")))
    assert "JPEG of quality 100" in page.text("stand-in")
    assert "this JPEG" in page.figures("figures")
    page.assert_clean()


def test_another_photo_cancels_the_work_on_the_one_before(
    service: ServiceProcess, page: LookPage, tmp_path: Path
) -> None:
    slow = saved(tmp_path / "slow.png", encoded(scene(SLOW_WIDTH, 64), "PNG"))
    page.open()
    page.browser.choose_file("#file", slow)
    page.browser.until("document.querySelector('#jobs [data-kind=score-photoScore] progress')?.value > 0", 30)
    first = [urlsplit(url).path.removesuffix("/events") for url in page.browser.requested if url.endswith("/events")]
    page.choose(saved(tmp_path / "good.jpg", scene_jpeg()))
    assert page.text("photo-name") == "good.jpg"
    states = [service.client.get(job).json()["state"] for job in first]
    assert "cancelled" in states
    assert set(states) <= {"cancelled", "succeeded"}
    page.assert_clean()


@pytest.mark.parametrize("filter_type", range(5))
def test_a_16_bit_png_is_read_with_each_filter(page: LookPage, filter_type: int) -> None:
    values = np.random.default_rng(filter_type).integers(0, 1 << 16, (9, 13))
    data = base64.b64encode(filtered_png(values, filter_type)).decode()
    page.open()
    read = page.browser.evaluate(
        f"import('/page/js/png16.js').then(({{decodeGrey16}}) => decodeGrey16(Uint8Array.from(atob('{data}'),"
        " (letter) => letter.charCodeAt(0)).buffer)).then(({width, height, samples}) => [width, height, ...samples])"
    )
    assert read == [13, 9, *values.ravel().tolist()]


def filtered_png(values: NDArray[np.int64], filter_type: int) -> bytes:
    """A 16-bit grey PNG whose rows all have one filter. PNG specification, third edition, section 9."""
    height, width = values.shape
    above, rows = np.zeros(2 * width, int), []
    for line in values.astype(">u2").view(np.uint8).reshape(height, 2 * width).astype(int):
        left, corner = (np.concatenate([[0, 0], row[:-2]]) for row in (line, above))
        far = [abs(left + above - corner - neighbour) for neighbour in (left, above, corner)]
        nearest = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], above, corner))
        predicted = (0 * line, left, above, (left + above) // 2, nearest)[filter_type]
        rows.append(bytes([filter_type]) + ((line - predicted) % 256).astype(np.uint8).tobytes())
        above = line
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_the_examples_of_the_api_page_run_and_nothing_comes_from_other_hosts(
    service: ServiceProcess, browser: Browser, tmp_path: Path
) -> None:
    browser.open(f"{service.url}/docs")
    browser.until("document.querySelectorAll('.opblock').length >= 15", 30)
    operation = "#operations-capabilities-create_varjpeg"
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(scene_jpeg())
    browser.evaluate(f"document.querySelector('{operation} .opblock-summary-control').click()")
    browser.until(f"document.querySelector('{operation} input[type=file]') !== null", 20)
    browser.choose_file(f"{operation} input[type=file]", photo)
    browser.evaluate(f"document.querySelector('{operation} .execute').click()")
    status = f"document.querySelector('{operation} .live-responses-table .response .response-col_status')?.textContent"
    browser.until(f"({status} ?? '').startsWith('200')", 30)
    loaded = browser.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(name.startswith((service.url, "data:", "blob:")) for name in loaded)
    assert browser.complaints == []
