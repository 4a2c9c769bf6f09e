"""The slider of an observer study in a real browser: what flickers is what it says, and an answer is always open."""

import pytest

from tests.assets.browser import Browser
from tests.assets.service_process import ServiceProcess
from tests.assets.study_page import (
    FLICKER_EYE,
    FOCUS,
    SEEN,
    SLIDER_READY,
    UNRELIABLE,
    adjust,
    agree,
    prepared,
    rest,
    slide,
    tab_to,
)

pytestmark = pytest.mark.slow


def test_the_flicker_goes_on_however_far_the_slider_is_moved(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    adjust(browser, "Home", 1)
    for level in range(2, 26):
        adjust(browser, "ArrowRight", level)
    adjust(browser, "End", 100)
    assert browser.evaluate(FLICKER_EYE) >= SEEN, "practice shows a photo that gets worse"


@pytest.mark.parametrize("lowest", [1, 100])
def test_an_answer_is_open_where_the_slider_starts_at_its_end(
    service: ServiceProcess, browser: Browser, lowest: int
) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.before_load(
        "const json = Response.prototype.json; Response.prototype.json = async function () {"
        "  const made = await json.call(this);"
        f"  if (made.trial) Object.assign(made.trial, {{ lowest_level: {lowest}, start_level: 100 }});"
        "  return made; };"
    )
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    if lowest == 100:
        tab_to(browser, "here")
    else:
        assert browser.evaluate("document.getElementById('here').disabled"), "where the slider starts is chance"
    tab_to(browser, "nowhere")
    browser.press("Enter")
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)


def test_a_slow_network_ends_no_flicker(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.before_load(UNRELIABLE)
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    browser.evaluate("window.delay = 1000")
    for level in (50, *range(51, 75), *range(74, 49, -1)):
        slide(browser, level)
    browser.until("document.querySelector('#stage canvas').dataset.level === '50'", 20)
    browser.evaluate("window.delay = 0")
    adjust(browser, "End", 100)
    assert browser.evaluate(FLICKER_EYE) >= SEEN


def test_one_answer_is_given_though_the_slider_moves_meanwhile(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.before_load(UNRELIABLE)
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    adjust(browser, "End", 100)
    browser.evaluate("window.delay = 1000; document.getElementById('here').click()")
    slide(browser, 99)
    rest(browser, 300)
    browser.evaluate("window.delay = 0")
    assert browser.evaluate("document.getElementById('here').disabled")
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)
    browser.until(SLIDER_READY, 20)
    rest(browser, 300)
    assert browser.evaluate("document.getElementById('here').disabled && document.getElementById('problem').hidden")


def test_an_answer_that_did_not_arrive_can_be_given_again(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.before_load(UNRELIABLE)
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    adjust(browser, "End", 100)
    browser.evaluate("window.refused = /POST .*trials/; document.getElementById('here').click()")
    browser.until("!document.getElementById('problem').hidden", 10)
    browser.until("!document.getElementById('here').disabled", 10)
    browser.evaluate("document.getElementById('here').click()")
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)
    assert browser.evaluate("document.getElementById('problem').hidden")


def test_the_level_under_the_slider_is_shown_though_another_loads_later(
    service: ServiceProcess, browser: Browser
) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.before_load(
        "const ask = window.fetch; window.late = true; window.fetch = async (...given) => {"
        "  const reply = await ask(...given);"
        "  const level = String(given[0]).split('/levels/')[1];"
        "  while (window.late && level !== undefined && level !== '100') await new Promise((go) => setTimeout(go, 50));"
        "  return reply; };"
    )
    agree(browser, service, made)
    browser.until(f"{FOCUS} === 'level'", 30)
    browser.press("Home")
    browser.press("End")
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    assert browser.evaluate("document.getElementById('here').disabled"), "nothing to compare with is there yet"
    browser.evaluate("window.late = false")
    browser.until("document.querySelector('#stage canvas').dataset.level === '100'", 20)
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    assert browser.evaluate("document.querySelector('#stage canvas').dataset.level") == "100"
    assert browser.evaluate(FLICKER_EYE) >= SEEN


def test_the_flicker_changes_eight_times_a_second_and_can_be_paused(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.before_load(
        "window.turns = [];"
        "const draw = CanvasRenderingContext2D.prototype.drawImage;"
        "CanvasRenderingContext2D.prototype.drawImage = function (...given) {"
        "  window.turns.push(performance.now()); return draw.apply(this, given); };"
    )
    agree(browser, service, made)
    browser.until("document.querySelector('#stage canvas')?.dataset.level !== undefined", 30)
    browser.until("window.turns.length >= 26", 20)
    mean_ms = browser.evaluate("(window.turns.at(-1) - window.turns.at(-25)) / 24")
    assert mean_ms == pytest.approx(125, rel=0.15)
    tab_to(browser, "pause")
    browser.press("Enter")
    assert browser.evaluate("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    turns = browser.evaluate("window.turns.length")
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 500))")
    assert browser.evaluate("window.turns.length") == turns
