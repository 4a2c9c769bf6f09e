"""Several photos: the list with its states and savings, one file with all results, and a link to each of them."""

import base64
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.assets.browser import Browser
from tests.assets.drawn_photos import grey, landscape, portrait
from tests.assets.look_page import LookPage
from tests.assets.photos import scene_png
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
STATES = "[...document.querySelectorAll('#photos .state')].map((each) => each.textContent)"
KEEP_ZIP = """
window.made = [];
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => {
  if (blob.type === "application/zip") window.made.push(blob);
  return make.call(URL, blob);
};
"""
READ_ZIP = """
new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.split(',')[1]);
  reader.readAsDataURL(window.made[0]);
})
"""


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("photos"), redis_url=redis_url) as running:
        yield running


@pytest.fixture
def page(chromium: str, service: ServiceProcess, tmp_path: Path) -> Iterator[LookPage]:
    with Browser(chromium, tmp_path / "profile") as browser:
        browser.resize(1440, 900)
        browser.before_load(KEEP_ZIP)
        yield LookPage(browser, service.url)


def test_a_list_of_photos_is_made_and_taken_home(page: LookPage, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(scene_png()[:40])
    files = [landscape(tmp_path), portrait(tmp_path), broken, grey(tmp_path)]
    page.open()
    page.browser.choose_file("#file", *files)
    page.until_done()
    states = page.browser.evaluate(STATES)
    assert states[2] == "not possible"
    assert all(states[at].endswith(" %") for at in (0, 1, 3))
    assert page.text("photo-name") == "landscape.png"
    assert page.text("problem") == ""  # what is wrong with a photo is said when it is looked at
    assert page.text("download-all").startswith("Download 3 (ZIP, ")
    page.click("download-all")
    page.browser.until("window.made.length === 1", 10)
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(page.browser.evaluate(READ_ZIP)))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["landscape-limen.jpg", "portrait-limen.jpg", "grey-limen.jpg"]
        with Image.open(io.BytesIO(archive.read("portrait-limen.jpg"))) as image:
            assert image.format == "JPEG"


def test_photos_are_gone_through_and_made_anew_for_another_target(page: LookPage, tmp_path: Path) -> None:
    page.open()
    page.browser.choose_file("#file", landscape(tmp_path), portrait(tmp_path))
    page.until_done()
    before = len([url for url in page.browser.requested if url.endswith("/v1/varjpeg")])
    page.browser.press("]")
    assert page.text("photo-name") == "portrait.jpg"
    page.until_done()
    assert "300 × 420" in page.text("photo-size")
    assert (
        page.browser.evaluate("document.querySelector('.tile[aria-current=true] .tile-name').textContent")
        == "portrait.jpg"
    )
    assert len([url for url in page.browser.requested if url.endswith("/v1/varjpeg")]) == before  # it was there
    page.set("target", 90)
    page.until_done()
    assert len([url for url in page.browser.requested if url.endswith("/v1/varjpeg")]) == before + 2
    page.browser.press("[")
    assert page.text("photo-name") == "landscape.png"
    page.until_done()
    assert page.figures("figures")["of viewers see no difference"] == "90 %"
    page.assert_clean()


def test_a_result_survives_a_reload(page: LookPage, tmp_path: Path) -> None:
    page.open()
    page.choose(landscape(tmp_path))
    link = page.browser.evaluate("location.href")
    assert "#result=" in link
    size = page.figures("figures")["this JPEG"]
    page.browser.open("about:blank")
    page.browser.open(link)
    page.browser.until("!document.getElementById('download').hidden", 20)
    page.until_done()
    assert page.text("photo-name") == "landscape.png"
    assert page.figures("figures")["this JPEG"] == size
    assert page.browser.evaluate("document.getElementById('download').download") == "landscape-limen.jpg"
    assert "choose the photo again" in page.text("no-photo")
    page.choose(landscape(tmp_path))  # and it can be compared again
    page.pick("mode", "wipe")
    assert page.text("no-photo") == ""
    assert page.text("tag-before") == "photo"
    page.assert_clean()


def test_a_link_to_a_result_that_is_gone_says_so(page: LookPage) -> None:
    page.open("#result=0123456789abcdef0123456789abcdef&name=x.png")
    page.browser.until("!document.getElementById('problem').hidden", 20)
    assert "No such job" in page.text("problem")
    assert page.text("first-title") != ""


def test_names_that_come_twice_stay_apart(page: LookPage) -> None:
    page.open()
    page.browser.evaluate(
        "import('/page/js/photos/zip.js').then(({zipped}) => zipped([['é.jpg', new Blob(['one'])],"
        " ['é.jpg', new Blob(['two'])]])).then((blob) => URL.createObjectURL(blob))"
    )
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(page.browser.evaluate(READ_ZIP)))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"é.jpg": b"one", "é 2.jpg": b"two"}
