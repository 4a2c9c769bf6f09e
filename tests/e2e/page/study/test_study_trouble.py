"""An observer study where something goes wrong in the middle: nothing is lost, and what to do is said."""

import pytest

from tests.assets.browser import Browser
from tests.assets.service_process import ServiceProcess
from tests.assets.study_page import (
    PAIR_READY,
    SLIDER_READY,
    UNRELIABLE,
    adjust,
    agree,
    answer_by_slider,
    prepared,
    rest,
    text,
    visible,
)

pytestmark = pytest.mark.slow
AGAIN = "document.querySelector('#problem button')"


def test_a_session_outlives_a_request_that_fails_while_the_page_loads(
    service: ServiceProcess, browser: Browser
) -> None:
    made = prepared(service, "adjustment-with-flicker")
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    answer_by_slider(browser)
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)
    browser.before_load(UNRELIABLE + "window.refused = /GET .*sessions/;")
    browser.open("about:blank")
    browser.open(service.url + made.made["links"]["observer_page"])
    browser.until(f"{AGAIN} !== null", 20)
    assert "Your answers are kept" in text(browser, "problem")
    assert not browser.evaluate(visible("invitation"))
    browser.evaluate(f"{AGAIN}.click()")
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)


def test_a_study_that_was_deleted_promises_nothing(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    adjust(browser, "End", 100)
    service.client.delete(made.path)
    browser.evaluate("document.getElementById('here').click()")
    browser.until("!document.getElementById('problem').hidden", 20)
    assert "has ended" in text(browser, "problem")
    assert "kept" not in text(browser, "problem")
    browser.complaints[:] = [each for each in browser.complaints if "410" not in each and "404" not in each]


@pytest.mark.parametrize("method", ["adjustment-with-flicker", "bisection"])
def test_a_photo_that_did_not_come_can_be_asked_for_again(
    service: ServiceProcess, browser: Browser, method: str
) -> None:
    made = prepared(service, method)
    browser.before_load(UNRELIABLE + "window.refused = /levels/;")
    agree(browser, service, made)
    browser.until(f"{AGAIN} !== null", 20)
    browser.evaluate(f"{AGAIN}.click()")
    browser.until(
        PAIR_READY if method == "bisection" else "document.querySelector('#stage canvas')?.dataset.level > 0", 20
    )
    assert browser.evaluate("document.getElementById('problem').hidden")


def test_the_size_that_is_said_follows_the_window(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "bisection")
    agree(browser, service, made)
    browser.until(PAIR_READY, 30)
    for width in (1200, 800):
        browser.resize(width, 900)
        rest(browser, 300)
        canvas = "document.querySelector('#stage canvas')"
        shown = browser.evaluate(f"{canvas}.getBoundingClientRect().width / {canvas}.width")
        assert f" {round(100 * shown)} %" in text(browser, "smaller")


def test_a_double_click_begins_one_session(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "bisection")
    before = made.status()["observers"]["started"]
    browser.before_load(UNRELIABLE)
    browser.open(service.url + made.made["links"]["observer_page"])
    browser.until(visible("invitation"), 20)
    browser.evaluate("document.getElementById('consent').click(), document.querySelector('#invitation button').click()")
    browser.until(visible("screen"), 10)
    browser.evaluate("window.delay = 500; for (const _ of [1, 2]) document.querySelector('#screen button').click()")
    browser.until(visible("trial"), 20)
    rest(browser, 1000)
    assert made.status()["observers"]["started"] == before + 1
