"""The pages of an observer study as a person uses them, by keyboard: what tests of them share."""

from collections.abc import Callable

import pytest

from tests.assets.browser import Browser
from tests.assets.service_process import ServiceProcess
from tests.assets.study_people import Organiser, soft_shapes

SEEN = 1.5
"""Mean difference, in 8-bit levels, that the scripted observer notices."""
FLICKER_EYE = """(async () => {
  const canvas = document.querySelector('#stage canvas');
  const looks = new Map();
  for (let look = 0; look < 14; look += 1) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let sum = 7;
    for (const byte of data) sum = (sum * 31 + byte) % 4294967291;
    looks.set(sum, data);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  const [one, other] = [...looks.values()];
  if (other === undefined) return 0;
  return one.reduce((sum, byte, place) => sum + Math.abs(byte - other[place]), 0) / one.length;
})()"""
PAIR_EYE = """(() => {
  const [one, other] = [...document.querySelectorAll('#stage canvas')].map((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);
  return one.reduce((sum, byte, place) => sum + Math.abs(byte - other[place]), 0) / one.length;
})()"""
FOCUS = "document.activeElement.id"
SHOWN = "`${document.getElementById('place').textContent} ${document.getElementById('stage').dataset.level}`"
SLIDER_READY = f"document.querySelector('#stage canvas')?.dataset.level !== undefined && {FOCUS} === 'level'"
PAIR_READY = "document.getElementById('different').getAttribute('aria-disabled') === 'false'"
CARD = """(() => {
  const shape = document.getElementById('card-shape'), box = shape.getBoundingClientRect();
  return shape.classList.contains('upright') ? box.height : box.width;
})()"""


def visible(element_id: str) -> str:
    return f"document.getElementById('{element_id}').checkVisibility()"


def text(browser: Browser, element_id: str) -> str:
    found: str = browser.evaluate(f"document.getElementById('{element_id}').textContent")
    return found


def tab_to(browser: Browser, element_id: str) -> None:
    """Move the focus by the Tab key, as often as it takes, once the page lets the element be used."""
    browser.until(f"!document.getElementById('{element_id}').disabled", 20)
    for _ in range(40):
        if browser.evaluate(FOCUS) == element_id:
            return
        browser.press("Tab")
    raise AssertionError(f"{element_id} is not reached by Tab; the focus is on {browser.evaluate(FOCUS)!r}")


def type_in(browser: Browser, words: str) -> None:
    for letter in words:
        browser.press(letter)


def prepared(service: ServiceProcess, method: str) -> Organiser:
    made = Organiser(service.client, method=method, viewing_condition="A dim room.")
    made.add(soft_shapes(31, 320, 240))
    made.wait_until_ready()
    return made


def agree(
    browser: Browser, service: ServiceProcess, made: Organiser, look: Callable[[str], None] = lambda _: None
) -> None:
    """From the link to the first trial, by keyboard alone."""
    browser.open(service.url + made.made["links"]["observer_page"])
    browser.until(visible("invitation"), 20)
    tab_to(browser, "consent")
    browser.press(" ")
    browser.press("Enter")
    browser.until(visible("screen"), 10)
    assert browser.evaluate(FOCUS) == "screen-title"
    look("screen")
    tab_to(browser, "card-width")
    before = browser.evaluate(CARD)
    browser.press("ArrowRight")
    assert browser.evaluate(CARD) == pytest.approx(before + 1, abs=0.01)
    tab_to(browser, "distance")
    browser.press("Enter")
    browser.until(visible("trial"), 20)


UNRELIABLE = """
window.delay = 0; window.refused = null;
const ask = window.fetch;
window.fetch = async (...given) => {
  const [address, method] = [String(given[0]), given[1]?.method ?? 'GET'];
  if (window.refused?.test(`${method} ${address}`)) {
    window.refused = null;
    return new Response('{"title": "Busy", "status": 503}', { status: 503 });
  }
  if (window.delay) await new Promise((resolve) => setTimeout(resolve, window.delay));
  return ask(...given);
};
"""
"""A network that takes ``delay`` milliseconds, and one request of which ends in a 503."""


def rest(browser: Browser, milliseconds: int) -> None:
    browser.evaluate(f"new Promise((resolve) => setTimeout(resolve, {milliseconds}))")


def slide(browser: Browser, level: int) -> None:
    """Put the slider on a level as a mouse does, without waiting for it to be shown."""
    browser.evaluate(
        f"document.getElementById('level').value = {level};"
        "document.getElementById('level').dispatchEvent(new Event('input'))"
    )


def adjust(browser: Browser, key: str, level: int) -> None:
    """Press a key on the slider and wait for the level that it leads to."""
    browser.press(key)
    assert browser.evaluate("Number(document.getElementById('level').value)") == level
    browser.until(f"document.querySelector('#stage canvas').dataset.level === '{level}'", 20)


def answer_by_slider(browser: Browser) -> None:
    assert browser.evaluate("document.getElementById('here').disabled")
    at_its_end = browser.evaluate("document.getElementById('level').value === '100'")
    assert browser.evaluate("document.getElementById('nowhere').disabled") != at_its_end
    adjust(browser, "End", 100)
    if browser.evaluate(FLICKER_EYE) < SEEN:
        tab_to(browser, "nowhere")
    else:
        adjust(browser, "Home", 1)
        if browser.evaluate(FLICKER_EYE) < SEEN:
            for level in (2, 3):
                adjust(browser, "ArrowRight", level)
        tab_to(browser, "here")
    browser.press("Enter")


def answer_by_pair(browser: Browser) -> None:
    """One comparison of a bisection."""
    tab_to(browser, "different" if browser.evaluate(PAIR_EYE) >= SEEN else "same")
    browser.press("Enter")


def answer_everything(browser: Browser, method: str) -> None:
    slider = method != "bisection"
    for _ in range(60):
        browser.until(f"{visible('thanks')} || ({SLIDER_READY if slider else PAIR_READY})", 30)
        if browser.evaluate(visible("thanks")):
            return
        before = browser.evaluate(SHOWN)
        (answer_by_slider if slider else answer_by_pair)(browser)
        browser.until(f"{visible('thanks')} || {SHOWN} !== '{before}'", 20)
    raise AssertionError("the study has no end")
