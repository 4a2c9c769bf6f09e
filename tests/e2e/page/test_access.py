"""The page for everybody: by keyboard alone, on a phone and a wide screen, light and dark, under the rules of axe."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.axe import AXE, GRAVE
from tests.assets.browser import Browser
from tests.assets.drawn_photos import landscape, portrait
from tests.assets.look_page import LookPage
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
SIZES = {"phone": (360, 740), "wide": (1440, 900)}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("access")) as running:
        yield running


@pytest.fixture(scope="module")
def page(chromium: str, service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LookPage]:
    with Browser(chromium, tmp_path_factory.mktemp("access-profile") / "profile") as browser:
        yield LookPage(browser, service.url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_no_serious_finding_of_axe_and_no_sideways_scrolling(
    page: LookPage, tmp_path: Path, size: str, scheme: str
) -> None:
    page.browser.resize(*SIZES[size], touch=size == "phone")
    page.browser.prefer(color_scheme=scheme)
    page.open()
    page.browser.evaluate(AXE)
    findings = {"empty": page.browser.evaluate(GRAVE)}
    page.browser.choose_file("#file", landscape(tmp_path), portrait(tmp_path))
    page.until_done()
    page.click("protect")
    page.pick("mode", "side")
    page.set("layer", "jnd")
    page.until_done()
    findings["results"] = page.browser.evaluate(GRAVE)
    assert page.overflow() <= 0
    page.click("open-flicker")
    findings["flicker"] = page.browser.evaluate(GRAVE)
    page.browser.press("Escape")
    page.click("open-blind")
    findings["blind"] = page.browser.evaluate(GRAVE)
    page.click("blind-start")
    page.browser.until("document.getElementById('blind-count').textContent.startsWith('Trial 1')", 20)
    findings["trial"] = page.browser.evaluate(GRAVE)
    assert page.browser.evaluate("document.getElementById('blind').scrollWidth <= window.innerWidth")
    assert findings == {state: [] for state in findings}
    page.assert_clean()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["models", "models/sur_head", "problems", "nowhere"])
def test_pages_of_text_are_for_everybody(page: LookPage, path: str, scheme: str) -> None:
    page.browser.resize(*SIZES["phone"], touch=True)
    page.browser.prefer(color_scheme=scheme)
    page.open(path)
    page.browser.evaluate(AXE)
    assert page.browser.evaluate(GRAVE) == []
    assert page.overflow() <= 0


@pytest.mark.parametrize("size", list(SIZES))
def test_everything_by_keyboard_alone(page: LookPage, size: str) -> None:
    browser = page.browser
    browser.resize(*SIZES[size])
    page.open()
    page.focus_by_tab("sample")
    browser.press("Enter")
    page.until_done()
    page.focus_by_tab("target")
    browser.press("ArrowRight")
    page.until_done()
    assert page.text("target-value") == "76 %"
    page.focus_by_tab("protect")
    browser.press("Enter")
    page.focus_by_tab("rect-add")
    browser.press("Enter")
    page.focus_by_tab("layer", most=140)
    browser.press("ArrowDown")
    browser.press("ArrowDown")
    browser.until("document.getElementById('legend-ticks').textContent.endsWith('of 1')", 20)
    page.focus_by_tab("result", most=140)
    assert "of 1 at" in wait_for_reading(page)
    browser.press("2")
    assert page.text("zoom") == "200 %"
    before = wait_for_reading(page)
    browser.press("ArrowRight")
    browser.until(f"document.getElementById('value').textContent !== '{before}'", 5)
    page.focus_by_tab("result")
    browser.press("0")
    assert page.text("zoom") != "200 %"
    page.focus_by_tab("split")
    browser.press("ArrowRight")
    assert browser.evaluate("document.getElementById('split').value") == "51"
    page.focus_by_tab("open-blind")
    browser.press("Enter")
    page.focus_by_tab("blind-start")
    browser.press("Enter")
    for number in range(1, 21):
        browser.until(f"document.getElementById('blind-count').textContent === 'Trial {number} of 20'", 20)
        browser.press("ArrowLeft")
    browser.until("document.getElementById('blind-verdict').checkVisibility()", 10)
    browser.press("Escape")
    browser.until("!document.getElementById('blind').open", 5)
    focus_slider(page)
    browser.press("ArrowUp")
    page.until_done()
    assert page.text("target-value") == "77 %"
    page.assert_clean()


def test_protection_is_painted_with_a_finger(page: LookPage) -> None:
    page.browser.resize(*SIZES["phone"], touch=True)
    page.open("?sample")
    page.until_done()
    page.click("protect")
    bare = page.pixels("result")
    page.browser.touch("#result", (0.4, 0.4), (0.5, 0.5), (0.6, 0.5))
    assert page.pixels("result") != bare
    page.click("protect-encode")
    page.browser.until("document.getElementById('protect-state').textContent !== ''", 30)
    page.until_done()
    page.click("brush-clear")
    assert page.pixels("result") == bare
    page.assert_clean()


def wait_for_reading(page: LookPage) -> str:
    """What is read in the middle of the view while the keyboard moves it."""
    page.browser.until("!document.getElementById('value').hidden", 5)
    return page.text("value")


def focus_slider(page: LookPage) -> None:
    """Press Tab until the chart's target has the focus."""
    for _ in range(120):
        if page.browser.evaluate("document.activeElement.matches('#plot [role=slider]')"):
            return
        page.browser.press("Tab")
    raise AssertionError("the chart cannot be reached")
