"""The first view: photo and JPEG of the one that ships with the page, and figures that are true of today's encoder."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.http.human_pages import PAGE_FOLDER
from tests.assets.browser import Browser
from tests.assets.look_page import LookPage
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
PHOTO, JPEG = (PAGE_FOLDER / "sample" / name for name in ("photo.jpg", "limen.jpg"))
CLIP = "getComputedStyle(document.querySelector('#proof .before')).clipPath"


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("first"), redis_url=redis_url, real=True) as running:
        yield running


@pytest.fixture
def page(chromium: str, service: ServiceProcess, tmp_path: Path) -> Iterator[LookPage]:
    with Browser(chromium, tmp_path / "profile") as browser:
        yield LookPage(browser, service.url)


def test_the_figures_are_what_the_service_makes_of_the_photo(service: ServiceProcess) -> None:
    headers = {"Prefer": "wait=60", "Accept": "application/json"}

    def asked(capability: str, **fields: str) -> dict[str, Any]:
        files = {"image": PHOTO.read_bytes()}
        reply: dict[str, Any] = service.client.post(
            f"/v1/{capability}", data=fields, files=files, headers=headers
        ).json()
        return reply

    made, curve = asked("varjpeg", target_sur="0.75"), asked("sur-curve", percent="75")
    before, after = PHOTO.stat().st_size, JPEG.stat().st_size
    assert made["size_bytes"] == pytest.approx(after, rel=0.005), "make app/page/sample/limen.jpg anew"
    shown = (PAGE_FOLDER / "index.html").read_text().partition('<figure class="proof">')[2].partition("</figure>")[0]
    assert re.findall(r"(\d+) kB", shown) == [f"{before / 1000:.0f}", f"{after / 1000:.0f}"]
    against = [1 - after / size for size in (before, curve["recommended_size_bytes"])]
    assert re.findall(r"<dd>−?(\d+) %", shown) == [f"{100 * share:.0f}" for share in (*against, made["sur"])]


@pytest.mark.parametrize("size", [(1440, 900), (360, 740)])
def test_what_it_does_is_seen_at_once(page: LookPage, size: tuple[int, int]) -> None:
    page.browser.resize(*size)
    page.open()
    page.browser.until("[...document.querySelectorAll('#proof img')].every((each) => each.naturalWidth === 1024)", 20)
    assert page.in_view("#proof", "#first-title", "#drop strong", ".proof-figures dd") == []
    assert "nothing leaves this machine" in page.text("private")
    assert page.overflow() <= 0
    page.assert_clean()


def test_the_border_follows_keys_and_pointer(service: ServiceProcess, page: LookPage) -> None:
    page.browser.resize(1440, 900)
    page.open()
    page.focus_by_tab("proof-split")
    page.browser.press("Home")
    assert page.browser.evaluate(CLIP) == "inset(0px 100% 0px 0px)"
    page.browser.press("End")
    assert page.browser.evaluate(CLIP) == "inset(0px 0% 0px 0px)"
    page.browser.hover("#proof", (0.25, 0.5))
    page.browser.until("Math.abs(document.getElementById('proof-split').value - 25) <= 1", 5)
    page.click("sample")
    page.until_done()
    assert page.text("photo-name") == "raccoon.jpg"
    assert page.text("first-title") == ""
    page.keep(f"{service.mode}-raccoon")
    page.assert_clean()
