"""The organiser's page over a long day: other studies, the way back, a network that fails, a second click."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.assets.browser import Browser
from tests.assets.service_process import ServiceProcess
from tests.assets.study_page import UNRELIABLE, prepared, rest, text, visible
from tests.assets.study_people import Observer, Organiser, soft_shapes

pytestmark = pytest.mark.slow


def opened(service: ServiceProcess, browser: Browser, made: Organiser) -> None:
    browser.open("about:blank")
    browser.open(service.url + made.made["links"]["organiser_page"])
    browser.until(visible("study"), 20)


def test_a_double_click_makes_one_study(service: ServiceProcess, browser: Browser) -> None:
    browser.before_load(
        UNRELIABLE + "window.posts = 0; const inner = window.fetch; window.fetch = (...given) => {"
        "  window.posts += given[1]?.method === 'POST'; return inner(...given); };"
    )
    browser.open(f"{service.url}/study")
    browser.until(visible("plan"), 20)
    browser.evaluate("document.getElementById('title').value = 'Chairs'; window.delay = 500")
    browser.evaluate("for (const _ of [1, 2]) document.querySelector('#plan button').click()")
    browser.until(visible("study"), 20)
    assert browser.evaluate("window.posts") == 1


def test_a_poll_that_fails_is_not_the_last_one(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "bisection")
    browser.before_load(UNRELIABLE)
    opened(service, browser, made)
    browser.evaluate("document.getElementById('study-title').textContent = ''; window.refused = /GET/")
    browser.until("!document.getElementById('problem').hidden", 20)
    browser.until("document.getElementById('problem').hidden", 20)
    assert text(browser, "study-title") == "Chairs"


def test_the_way_back_during_a_poll_shows_one_page(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "bisection")
    browser.before_load(UNRELIABLE)
    opened(service, browser, made)
    browser.evaluate("window.delay = 800; document.getElementById('files').dispatchEvent(new Event('change'))")
    browser.evaluate("window.dispatchEvent(new Event('hashchange'))")  # asks again, slowly
    rest(browser, 200)
    browser.evaluate("location.hash = ''")
    rest(browser, 1500)
    assert browser.evaluate(visible("plan"))
    assert not browser.evaluate(visible("study"))
    assert browser.evaluate("document.getElementById('problem').hidden")


def test_photos_go_into_the_study_they_were_chosen_for(
    service: ServiceProcess, browser: Browser, tmp_path: Path
) -> None:
    one, other = (prepared(service, "bisection") for _ in range(2))
    browser.before_load(UNRELIABLE)
    opened(service, browser, one)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(soft_shapes(60 + number))
    browser.evaluate("window.delay = 500")
    browser.choose_file("#files", *paths)
    browser.evaluate(f"location.hash = '{other.made['organiser_key']}'")
    browser.until(visible("study"), 20)
    rest(browser, 4000)
    assert [len(each.status()["photos"]) for each in (one, other)] == [4, 1]
    one.wait_until_ready()


def test_the_invitation_is_the_text_in_the_field_of_this_study(service: ServiceProcess, browser: Browser) -> None:
    one, other = (prepared(service, "bisection") for _ in range(2))
    opened(service, browser, one)
    browser.evaluate(
        "document.getElementById('invitation').value += ' Thank you!';"
        "document.getElementById('invitation').dispatchEvent(new Event('input'))"
    )
    assert unquote(browser.evaluate("document.getElementById('mail').href")).endswith(" Thank you!")
    browser.evaluate(f"location.hash = '{other.made['organiser_key']}'")
    browser.until(f"document.getElementById('invitation').value.includes('{other.made['observer_token']}')", 20)
    assert "Thank you" not in browser.evaluate("document.getElementById('invitation').value")


def test_a_profile_says_where_no_quality_is_enough(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    for _ in range(11):
        Observer(service.client, made.made["observer_token"]).take_part(lambda photo, jnd: 1)
    opened(service, browser, made)
    browser.evaluate("document.getElementById('fit').click()")
    browser.until(visible("profile"), 60)
    figures = text(browser, "profile-figures")
    assert "quality 101" not in figures
    assert "down to qualitynone" in figures
