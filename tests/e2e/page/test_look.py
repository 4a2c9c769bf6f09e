"""What the page shows of a photo, with the real models, on three photos and in both modes of the service.

``LIMEN_SCREENSHOTS=DIR`` keeps pictures of every page that was seen.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tests.assets.browser import Browser
from tests.assets.drawn_photos import grey, landscape, portrait
from tests.assets.look_page import LookPage
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("look"), redis_url=redis_url, real=True) as running:
        yield running


@pytest.fixture(scope="module")
def page(chromium: str, service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LookPage]:
    with Browser(chromium, tmp_path_factory.mktemp("look-profile") / "profile") as browser:
        browser.resize(1440, 900)
        yield LookPage(browser, service.url)


@pytest.mark.parametrize("draw", [landscape, portrait, grey])
def test_all_that_the_page_shows_of_a_photo(
    service: ServiceProcess, page: LookPage, tmp_path: Path, draw: Callable[[Path], Path]
) -> None:
    path = draw(tmp_path)
    shown = ImageOps.exif_transpose(Image.open(path))
    page.open()
    page.choose(path)
    assert page.text("photo-name") == path.name
    assert f"{shown.width} × {shown.height}" in page.text("photo-size")
    assert sum(url.endswith("/events") for url in page.browser.requested) >= 5  # one stream for each job
    page.keep(f"{service.mode}-{path.stem}")
    page.set("layer", "jnd")
    page.until_done()
    check_map(service, page, shown.size)
    check_view(page)
    check_curve(service, page)
    first = check_result(service, page, path)
    check_local_quality(page)
    check_protection(service, page, np.asarray(shown.convert("RGB"), dtype=float), first)
    page.keep(f"{service.mode}-{path.stem}-protected")
    page.assert_clean()


def check_map(service: ServiceProcess, page: LookPage, size: tuple[int, int]) -> None:
    """Value under the pointer, legend and files."""
    assert "luma levels" in page.text("legend-ticks")
    links = page.browser.evaluate("[...document.querySelectorAll('#map-files a')].map((link) => link.pathname)")
    assert [link.rpartition("/")[2] for link in links] == ["jnd-map.png", "jnd-map.npz"]
    with np.load(io.BytesIO(service.client.get(links[1]).content)) as archive:
        values = archive["values"]
    assert values.shape == (size[1], size[0])
    page.browser.hover("#result", (0.5, 0.5))
    page.browser.until("!document.getElementById('value').hidden", 5)
    reading, _, place = page.text("value").partition(" luma levels at ")
    x, y = (int(number) for number in place.split(", "))
    assert max(abs(x - size[0] / 2), abs(y - size[1] / 2)) <= 2
    steps_of_the_png, two_decimals = 0.5 / 256, 0.005
    assert float(reading) == pytest.approx(float(values[y, x]), abs=steps_of_the_png + two_decimals + 1e-6)


def check_view(page: LookPage) -> None:
    """Both panes show the same part, whichever of them is moved or zoomed."""
    page.set("layer", "none")
    page.pick("mode", "side")
    page.browser.evaluate("document.getElementById('hold').dispatchEvent(new Event('pointerdown'))")  # photo and photo
    digests = set()
    acts: tuple[Callable[[], object], ...] = (
        lambda: page.click("zoom-100"),
        lambda: page.click("zoom-400"),
        lambda: page.browser.drag("#result", (0.6, 0.6), (0.4, 0.5), (0.3, 0.45)),
        lambda: page.browser.drag("#map", (0.3, 0.3), (0.5, 0.5)),
        lambda: page.click("zoom-200"),
        lambda: page.click("zoom-in"),
    )
    for act in acts:
        act()
        assert page.pixels("map") == page.pixels("result")
        digests.add(page.pixels("map"))
    assert len(digests) == 6
    assert page.text("zoom") == "300 %"
    page.browser.press("+")
    assert page.text("zoom") == "375 %"
    page.browser.evaluate("document.getElementById('hold').dispatchEvent(new Event('pointerup'))")
    assert page.pixels("map") != page.pixels("result")
    page.click("zoom-fit")
    page.pick("mode", "wipe")


def check_curve(service: ServiceProcess, page: LookPage) -> None:
    """The chart's reading is that of the result, and moves with keys and pointer; a new target makes a new file."""
    curve = newest(service, page, "gev")
    assert_reading(page, curve, 0.75)
    page.browser.evaluate("document.querySelector('#plot [role=slider]').focus()")
    for _ in range(5):
        page.browser.press("ArrowUp")
    page.until_done()
    assert page.text("target-value") == "80 %"
    assert_reading(page, newest(service, page, "gev"), 0.8)
    assert newest(service, page, "trials")["sur"] >= 0.79
    page.browser.drag("#plot", (0.5, 0.2), (0.5, 0.3), (0.5, 0.4))
    page.until_done()
    assert 0.4 < float(page.text("target-value").split()[0]) / 100 < 0.7
    page.set("target", 75)
    page.until_done()
    page.pick("jnd", "2")
    page.until_done()
    assert newest(service, page, "gev")["jnd"] == 2
    assert page.browser.evaluate("document.querySelectorAll('#plot .curve.other').length") == 1
    page.pick("jnd", "1")
    page.until_done()
    page.set("observer", "flicker")
    page.until_done()
    stricter = newest(service, page, "gev")
    assert (stricter["observer"], stricter["jnd"]) == ("flicker", 1)
    assert stricter["recommended_quality"] >= curve["recommended_quality"]
    page.set("observer", "mcl-jci")
    page.until_done()
    links = page.browser.evaluate("[...document.querySelectorAll('#curve-files a')].map((link) => link.pathname)")
    kinds = [service.client.get(link).headers["content-type"].split(";")[0] for link in links]
    assert kinds == ["image/svg+xml", "text/csv"]


def lowest_quality(curve: dict[str, Any], share: float) -> int:
    """The lowest JPEG quality that a curve gives to a share of viewers."""
    return 101 - max(level for level in range(1, 101) if level == 1 or curve["sur"][level - 1] >= share)


def change(shown: str) -> float:
    """What a figure such as "−34 %" says."""
    return float(shown.replace("−", "-").removesuffix(" %")) / 100


def assert_reading(page: LookPage, curve: dict[str, Any], share: float) -> None:
    quality = lowest_quality(curve, share)
    caption = page.text("curve-caption")
    assert f"needs quality {quality}," in caption
    assert "95 % band: quality" in caption
    assert page.browser.evaluate("document.querySelectorAll('#plot .band').length") == 1
    size = page.browser.evaluate("document.querySelector('#plot .reading text:last-child').textContent")
    kilobytes = float(size.split()[0]) * (1 if "kB" in size else 0.001)
    assert kilobytes == pytest.approx(curve["predicted_bytes"][100 - quality] / 1000, abs=0.06)


def check_result(service: ServiceProcess, page: LookPage, path: Path) -> NDArray[np.float64]:
    """Figures, file and pictures of the result; returns its pixels."""
    made = newest(service, page, "trials")
    figures = page.figures("figures")
    assert float(figures["of viewers see no difference"].split()[0]) == pytest.approx(100 * made["sur"], abs=0.51)
    against_the_file = next(value for name, value in figures.items() if name.startswith("against your file"))
    assert change(against_the_file) == pytest.approx(made["size_bytes"] / path.stat().st_size - 1, abs=0.0051)
    plain = newest(service, page, "gev")["predicted_bytes"][100 - lowest_quality(newest(service, page, "gev"), 0.75)]
    against_plain = next(value for name, value in figures.items() if "promises as much" in name)
    assert change(against_plain) == pytest.approx(made["size_bytes"] / plain - 1, abs=0.0051)
    link = page.browser.evaluate(
        "[document.getElementById('download').href, document.getElementById('download').download]"
    )
    assert link[0].startswith("blob:")
    assert link[1] == f"{path.stem}-limen.jpg"
    wiped = page.pixels("result")
    page.browser.drag("#result", (0.5, 0.5), (0.4, 0.5), (0.25, 0.5))
    assert float(page.browser.evaluate("document.getElementById('split').value")) == pytest.approx(25, abs=1)
    pictures = {wiped, page.pixels("result")}
    for mode in ("after", "difference"):
        page.pick("mode", mode)
        page.until_done()
        pictures.add(page.pixels("result"))
    assert len(pictures) == 4
    page.pick("mode", "wipe")
    scores = page.figures("scores")
    assert 0 < float(scores["Closeness to the photo"]) <= 100
    assert 0 < float(scores["Photo, opinion score"]) <= 100
    assert float(scores["PSNR"].split()[0]) > 20
    return pixels_of(service, page)


def check_local_quality(page: LookPage) -> None:
    """The other two maps, asked for when they are looked at; a map lies over the photo."""
    page.set("layer", "jnd")
    page.pick("mode", "before")
    seen = {page.pixels("result")}
    for layer, unit in (("quality", "of 1"), ("closeness", "of 5")):
        page.set("layer", layer)
        page.browser.until(f"document.getElementById('legend-ticks').textContent.endsWith('{unit}')", 30)
        page.until_done()
        seen.add(page.pixels("result"))
        page.browser.hover("#result", (0.5, 0.5))
        page.browser.until(f"document.getElementById('value').textContent.includes('{unit}')", 5)
    assert len(seen) == 3
    page.set("layer", "none")
    page.pick("mode", "wipe")


def check_protection(
    service: ServiceProcess, page: LookPage, photo: NDArray[np.float64], before: NDArray[np.float64]
) -> None:
    """What is painted, by mouse and as a rectangle, comes out closer to the photo."""
    page.click("protect")
    page.set("brush-size", 100)
    page.browser.drag("#result", (0.45, 0.5), (0.5, 0.5), (0.55, 0.5))
    for edge, share in (("left", 40), ("top", 40), ("width", 20), ("height", 20)):
        page.set(f"rect-{edge}", share)
    page.click("rect-add")
    page.click("protect-encode")
    page.browser.until("document.getElementById('protect-state').textContent !== ''", 30)
    page.until_done()
    assert "what you painted is closer" in page.text("protect-state")
    height, width = photo.shape[:2]
    middle = np.s_[int(0.42 * height) : int(0.58 * height), int(0.42 * width) : int(0.58 * width)]
    after = pixels_of(service, page)
    assert np.abs(after[middle] - photo[middle]).mean() < np.abs(before[middle] - photo[middle]).mean()


def newest(service: ServiceProcess, page: LookPage, member: str) -> dict[str, Any]:
    """The newest result that has that member, as the page got it."""
    paths = [url for url in page.browser.requested if url.endswith("/result")]
    for url in reversed(paths):
        found: dict[str, Any] = service.client.get(url, headers={"Accept": "application/json"}).json()
        if member in found:
            return found
    raise AssertionError(f"no result with {member}")


def pixels_of(service: ServiceProcess, page: LookPage) -> NDArray[np.float64]:
    """The newest JPEG, decoded."""
    data = service.client.get(page.last_request("/photo.jpg")).content
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"), dtype=float)
