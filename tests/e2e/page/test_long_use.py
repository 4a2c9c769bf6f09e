"""The page over a long time: photos one after another, a service that is away for a moment, dialogs closed early."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.assets.browser import Browser
from tests.assets.drawn_photos import grey, landscape, portrait
from tests.assets.look_page import LookPage
from tests.assets.photos import png, scene_png
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
STATES = "[...document.querySelectorAll('#photos .state')].map((each) => each.textContent)"
WATCH = """
window.away = false;
window.masks = 0;
const ask = window.fetch;
window.fetch = (path, options) => {
  if (window.away) return Promise.reject(new TypeError("away"));
  if (options?.body instanceof FormData && options.body.has("protect")) window.masks += 1;
  return ask(path, options);
};
"""
ROWS = "document.querySelectorAll('#trials tbody tr').length"
FLICKER = """
(() => {
  document.getElementById("open-flicker").click();
  document.getElementById("flicker-start").click();
  document.getElementById("flicker").close();
  return new Promise((resolve) => setTimeout(() => resolve(document.getElementById("flicker-start").textContent), 500));
})()
"""


SHARP = """
(async () => {
  const canvas = document.getElementById("result");
  const seen = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const photo = await createImageBitmap(window.photo);
  const whole = new OffscreenCanvas(photo.width, photo.height).getContext("2d");
  whole.drawImage(photo, 0, 0);
  const { data } = whole.getImageData(0, 0, photo.width, photo.height);
  const differs = (left, top) => {
    let most = 0;
    for (let row = 100; row < 140; row += 1)
      for (let at = 4 * 100; at < 4 * 140; at += 1)
        most = Math.max(most, Math.abs(seen[4 * row * canvas.width + at] -
          data[4 * ((row + top) * photo.width + left) + at]));
    return most;
  };
  const near = (middle) => [-1, 0, 1].map((by) => Math.floor(middle) + by);
  const [x, y] = [(photo.width - canvas.width) / 2, (photo.height - canvas.height) / 2];
  return Math.min(...near(x).flatMap((left) => near(y).map((top) => differs(left, top))));
})()
"""
"""The greatest difference between the photo's pixels and what the pane shows of their middle, at the best place."""


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("long-use"), redis_url=redis_url) as running:
        yield running


@pytest.fixture
def page(chromium: str, service: ServiceProcess, tmp_path: Path) -> Iterator[LookPage]:
    with Browser(chromium, tmp_path / "profile") as browser:
        browser.resize(1440, 900)
        browser.before_load(WATCH)
        page = LookPage(browser, service.url)
        page.open()
        yield page


def _broken(folder: Path) -> Path:
    path = folder / "broken.png"
    path.write_bytes(scene_png()[:40])
    return path


def test_what_is_painted_belongs_to_one_photo(page: LookPage, tmp_path: Path) -> None:
    page.choose(landscape(tmp_path))
    for each in ("protect", "rect-add", "protect-encode"):
        page.click(each)
    page.until_done()
    page.browser.until("window.masks === 1", 20)
    page.choose(portrait(tmp_path))
    page.browser.until("!document.getElementById('figures').hidden", 20)
    assert page.browser.evaluate("window.masks") == 1
    assert page.text("problem") == ""


def test_others_are_tried_again_when_the_service_is_back(page: LookPage, tmp_path: Path) -> None:
    page.browser.choose_file("#file", landscape(tmp_path), portrait(tmp_path), grey(tmp_path))
    page.browser.until(f"{STATES}[0].endsWith('%')", 30)
    page.browser.evaluate("window.away = true; setTimeout(() => { window.away = false; }, 4000); 0")
    page.browser.until(f"{STATES}.every((each) => each.endsWith('%'))", 30)


def test_others_are_made_after_a_first_photo_that_is_broken(page: LookPage, tmp_path: Path) -> None:
    page.browser.choose_file("#file", _broken(tmp_path), portrait(tmp_path), grey(tmp_path))
    page.browser.until(f"{STATES}.slice(1).every((each) => each.endsWith('%'))", 30)
    assert page.browser.evaluate(STATES)[0] == "not possible"


def test_nothing_of_the_photo_before_is_said_of_one_that_fails(page: LookPage, tmp_path: Path) -> None:
    caption = page.browser.evaluate("document.getElementById('curve-caption').textContent")
    page.choose(landscape(tmp_path))
    page.browser.evaluate("document.querySelector('#trials tbody').append(document.createElement('tr')); 0")
    page.browser.choose_file("#file", _broken(tmp_path))
    page.browser.until("!document.getElementById('problem').hidden", 20)
    assert page.browser.evaluate(ROWS) == 0
    assert page.browser.evaluate("document.getElementById('curve-caption').textContent") == caption


def test_flicker_that_is_closed_at_once_stands_still(page: LookPage, tmp_path: Path) -> None:
    page.choose(landscape(tmp_path))
    assert page.browser.evaluate(FLICKER) == "Start"


@pytest.mark.parametrize("width", [700, 701, 702])
def test_at_its_own_size_a_photo_is_shown_pixel_for_pixel(page: LookPage, tmp_path: Path, width: int) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (600, 900, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    path.write_bytes(png(noise))
    browser = page.browser
    file = "document.getElementById('file')"
    browser.evaluate(f"{file}.addEventListener('change', () => {{ window.photo = {file}.files[0]; }}, true); 0")
    browser.resize(width, 700)
    page.choose(path)
    page.pick("mode", "before")
    page.click("zoom-100")
    browser.until(f"{SHARP}.then((most) => most === 0)", 5)


def test_holding_ends_with_the_photo_it_began_with(page: LookPage, tmp_path: Path) -> None:
    page.choose(landscape(tmp_path))
    page.browser.evaluate("document.getElementById('hold').dispatchEvent(new PointerEvent('pointerdown')); 0")
    held = "document.getElementById('hold').getAttribute('aria-pressed')"
    assert page.browser.evaluate(held) == "true"
    page.browser.choose_file("#file", portrait(tmp_path))
    page.browser.until(f"{held} === 'false'", 10)
    page.until_done()
    page.browser.evaluate("document.getElementById('hold').dispatchEvent(new PointerEvent('pointerdown')); 0")
    page.browser.evaluate("window.dispatchEvent(new Event('blur')); 0")
    assert page.browser.evaluate(held) == "false"


def test_a_blind_test_goes_on_with_the_file_it_began_with(page: LookPage, tmp_path: Path) -> None:
    page.choose(landscape(tmp_path))
    page.click("open-blind")
    page.click("blind-start")
    page.browser.until("document.getElementById('blind-count').textContent.startsWith('Trial 1')", 20)
    page.set("target", 95)
    page.until_done()
    for trial in range(2, 21):
        page.click("answer-a")
        page.browser.until(f"document.getElementById('blind-count').textContent.startsWith('Trial {trial} ')", 20)
    page.click("answer-a")
    page.browser.until("!document.getElementById('blind-verdict').hidden", 20)
    assert page.browser.complaints == []
