"""The page at ``/`` and the one at ``/docs`` in a real browser, against a running service with canned models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.browser import Browser, find_browser
from tests.assets.hostile_images import jpeg, png
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium on the PATH")
    with Browser(program, tmp_path / "profile") as opened:
        yield opened


DONE = "document.getElementById('status').textContent === 'Done.'"
LOADED = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"


def test_a_photo_is_uploaded_and_its_results_are_seen(
    service: ServiceProcess, browser: Browser, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg())
    browser.open(f"{service.url}/")
    browser.choose_file("#file", photo)
    browser.until(DONE, 30)
    browser.until(LOADED, 10)
    assert browser.evaluate("document.querySelectorAll('#plot .curve').length") == 1
    assert "quality 52" in browser.evaluate("document.getElementById('curve-caption').textContent")
    assert "luma levels" in browser.evaluate("document.getElementById('map-caption').textContent")
    assert "75 %" in browser.evaluate("document.getElementById('figures').textContent")
    assert browser.evaluate("document.getElementById('download').href").startswith("blob:")
    assert browser.evaluate("document.getElementById('after').naturalWidth") == 96
    assert browser.complaints == []


def test_the_sample_needs_one_click_and_the_target_can_be_changed(service: ServiceProcess, browser: Browser) -> None:
    browser.open(f"{service.url}/?sample")
    browser.until(DONE, 30)
    browser.evaluate(
        "{const target = document.getElementById('target'); target.value = 90;"
        "target.dispatchEvent(new Event('input')); target.dispatchEvent(new Event('change'));}"
    )
    browser.until("document.getElementById('figures').textContent.includes('90 %')", 30)
    browser.until(DONE, 10)
    split = "getComputedStyle(document.getElementById('compare')).getPropertyValue('--split')"
    browser.evaluate(
        "{const split = document.getElementById('split'); split.value = 20; split.dispatchEvent(new Event('input'));}"
    )
    assert browser.evaluate(split) == "20%"
    assert browser.complaints == []


def test_a_problem_is_shown_with_its_explanation(service: ServiceProcess, browser: Browser, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(png()[:40])
    browser.open(f"{service.url}/")
    browser.choose_file("#file", broken)
    browser.until("!document.getElementById('problem').hidden", 30)
    assert "cannot be decoded" in browser.evaluate("document.getElementById('problem').textContent")
    link = browser.evaluate("document.querySelector('#problem a').href")
    browser.open(link)
    assert "cannot be decoded" in browser.evaluate("document.body.textContent")


def test_every_control_can_be_reached_and_has_a_name(service: ServiceProcess, browser: Browser) -> None:
    browser.open(f"{service.url}/")
    nameless = browser.evaluate(
        "[...document.querySelectorAll('input, select, button')].filter((control) =>"
        " !(control.labels && control.labels.length) && !control.textContent.trim()).map((control) => control.id)"
    )
    assert nameless == []
    assert browser.evaluate("[...document.images].every((image) => image.alt)")
    assert browser.evaluate("[...document.querySelectorAll('[tabindex=\"-1\"]')].length") == 0


def test_the_examples_of_the_api_page_run_and_nothing_comes_from_other_hosts(
    service: ServiceProcess, browser: Browser, tmp_path: Path
) -> None:
    browser.open(f"{service.url}/docs")
    browser.until("document.querySelectorAll('.opblock').length >= 15", 30)
    operation = "#operations-capabilities-create_varjpeg"
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg())
    browser.evaluate(f"document.querySelector('{operation} .opblock-summary-control').click()")
    browser.until(f"document.querySelector('{operation} input[type=file]') !== null", 20)
    browser.choose_file(f"{operation} input[type=file]", photo)
    browser.evaluate(f"document.querySelector('{operation} .execute').click()")
    status = f"document.querySelector('{operation} .live-responses-table .response .response-col_status')?.textContent"
    browser.until(f"({status} ?? '').startsWith('200')", 30)
    loaded = browser.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(name.startswith((service.url, "data:", "blob:")) for name in loaded)
    assert browser.complaints == []
