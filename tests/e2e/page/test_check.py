"""Checking by eye on the page: the blind test answered by scripts, its chance and its verdict, and the flicker mode."""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets.browser import Browser
from tests.assets.drawn_photos import landscape
from tests.assets.look_page import LookPage
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
TRIALS = 20

FIXED_CHANCE = """
let state = 20;
crypto.getRandomValues = (array) => {
  for (let at = 0; at < array.length; at += 1) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    array[at] = (mixed ^ (mixed >>> 14)) >>> 0;
  }
  return array;
};
"""
"""The browser's chance made repeatable (mulberry32): guessing passes a fair test once in 48 times."""

LARGER_DIFFERENCE = """
(() => {
  const pixels = (id) => {
    const canvas = document.getElementById(id);
    return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  };
  const reference = pixels('reference');
  const [a, b] = ['choice-a', 'choice-b'].map((id) =>
    pixels(id).reduce((sum, value, at) => sum + Math.abs(value - reference[at]), 0));
  return a > b ? 'a' : 'b';
})()
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("check")) as running:
        yield running


@pytest.fixture
def page(chromium: str, service: ServiceProcess, tmp_path: Path) -> Iterator[LookPage]:
    with Browser(chromium, tmp_path / "profile") as browser:
        browser.resize(1200, 800)
        yield LookPage(browser, service.url)


def begin(page: LookPage, folder: Path) -> None:
    page.open()
    page.choose(landscape(folder))
    page.click("open-blind")
    page.click("blind-start")


def trial(page: LookPage, number: int) -> None:
    page.browser.until(f"document.getElementById('blind-count').textContent === 'Trial {number} of {TRIALS}'", 20)


def test_who_guesses_cannot_tell(page: LookPage, tmp_path: Path) -> None:
    page.browser.before_load(FIXED_CHANCE)
    guesses = random.Random(4)
    begin(page, tmp_path)
    for number in range(1, TRIALS + 1):
        trial(page, number)
        page.browser.press(guesses.choice(["ArrowLeft", "ArrowRight"]))
    page.browser.until("document.getElementById('blind-verdict').checkVisibility()", 10)
    assert page.text("blind-title") == "Cannot tell"
    assert "cannot tell this JPEG from the photo" in page.text("blind-text")
    assert "15 of 20" in page.text("blind-text")
    assert page.text("blind-aim") == ""  # nothing to aim higher for
    page.assert_clean()


def test_who_picks_the_larger_difference_can_tell(page: LookPage, tmp_path: Path) -> None:
    begin(page, tmp_path)
    sides = []
    for number in range(1, TRIALS + 1):
        trial(page, number)
        sides.append(page.browser.evaluate(LARGER_DIFFERENCE))
        page.browser.press(sides[-1])
    page.browser.until("document.getElementById('blind-verdict').checkVisibility()", 10)
    assert page.text("blind-title") == "Can tell"
    assert "You were right in 20 of 20." in page.text("blind-text")
    assert set(sides) == {"a", "b"}  # all on one side: once in 500 000 times
    page.browser.press("Enter")  # the focus is on "Once more"
    assert page.text("blind-start") == "Start"
    page.browser.press("Escape")
    page.browser.until("!document.getElementById('blind').open", 5)
    page.assert_clean()


def test_who_can_tell_is_offered_a_higher_target(page: LookPage, tmp_path: Path) -> None:
    begin(page, tmp_path)
    for number in range(1, TRIALS + 1):
        trial(page, number)
        page.browser.press(page.browser.evaluate(LARGER_DIFFERENCE))
    page.browser.until("document.getElementById('blind-verdict').checkVisibility()", 10)
    assert page.text("blind-aim") == "You saw it: try 95 %"
    page.click("blind-aim")
    page.browser.until("document.getElementById('figures').textContent.includes('95 %')", 30)
    page.until_done()
    assert page.text("target-value") == "95 %"
    assert not page.browser.evaluate("document.getElementById('blind').open")
    page.assert_clean()


def test_the_part_that_is_looked_at_can_be_tested_alone(page: LookPage, tmp_path: Path) -> None:
    page.open()
    page.choose(landscape(tmp_path))
    page.click("zoom-200")
    page.browser.drag("#result", (0.9, 0.9), (0.4, 0.4))
    page.click("open-blind")
    page.click("blind-here")
    page.click("blind-start")
    trial(page, 1)
    place = "[document.getElementById('reference').dataset.x, document.getElementById('reference').dataset.y].join()"
    first = page.browser.evaluate(place)
    page.browser.press("a")
    trial(page, 2)
    assert page.browser.evaluate(place) == first


def test_the_verdict_is_the_exact_binomial_test(page: LookPage) -> None:
    page.open()
    found = page.browser.evaluate(
        "import('/page/js/compare/chance.js').then((m) => Array.from({length: 21}, (_, right) =>"
        " [m.chanceOf(right), m.verdict(right).canTell]))"
    )
    for right, (chance, can_tell) in enumerate(found):
        exact = sum(math.comb(TRIALS, hits) for hits in range(right, TRIALS + 1)) / 2**TRIALS
        assert chance == pytest.approx(exact, rel=1e-12)
        assert can_tell == (right >= 15)


def test_chance_is_fair(page: LookPage) -> None:
    """Counts within five standard deviations of fair ones: off once in a million runs."""
    page.open()
    heads, orders = page.browser.evaluate(
        "import('/page/js/compare/chance.js').then(({coin, shuffled}) => {"
        " let heads = 0; for (let at = 0; at < 20000; at += 1) heads += coin();"
        " const orders = {}; for (let at = 0; at < 12000; at += 1) {"
        "  const order = shuffled([1, 2, 3]).join(''); orders[order] = (orders[order] ?? 0) + 1; }"
        " return [heads, orders]; })"
    )
    assert abs(heads - 10000) < 5 * math.sqrt(5000)
    assert len(orders) == 6
    assert all(abs(count - 2000) < 5 * math.sqrt(12000 * 5 / 36) for count in orders.values())


def test_flicker_warns_waits_for_consent_and_keeps_its_rate(page: LookPage, tmp_path: Path) -> None:
    page.browser.prefer(reduced_motion="reduce")
    page.open()
    page.choose(landscape(tmp_path))
    page.click("open-flicker")
    assert "This flickers." in page.text("flicker")
    disabled = "document.getElementById('flicker-start').disabled"
    assert page.browser.evaluate(disabled)
    page.click("flicker-consent")
    assert not page.browser.evaluate(disabled)
    page.click("flicker-start")
    turn = "Number(document.getElementById('flicker-canvas').dataset.turn)"
    page.browser.until(f"{turn} >= 1", 10)
    first, began = page.browser.evaluate(f"[{turn}, performance.now()]")
    page.browser.until(f"{turn} >= 17", 20)
    last, ended = page.browser.evaluate(f"[{turn}, performance.now()]")
    assert (last - first) / (ended - began) * 1000 == pytest.approx(8, abs=1)
    page.click("flicker-start")
    still = page.browser.evaluate(turn)
    page.browser.evaluate("new Promise((resolve) => setTimeout(resolve, 400))")
    assert page.browser.evaluate(turn) == still
    page.browser.press("Escape")
    page.browser.until("!document.getElementById('flicker').open", 5)
    page.assert_clean()
