"""The pages of an observer study in a real browser, by keyboard alone: organiser, and observer in both methods;
in both modes."""

from pathlib import Path

import pytest

from tests.assets.axe import AXE, GRAVE
from tests.assets.browser import Browser
from tests.assets.service_process import ServiceProcess
from tests.assets.study_page import (
    FOCUS,
    PAIR_READY,
    SLIDER_READY,
    agree,
    answer_by_slider,
    answer_everything,
    prepared,
    tab_to,
    text,
    type_in,
    visible,
)
from tests.assets.study_people import Observer, later_by_photo, soft_shapes

pytestmark = pytest.mark.slow

TOO_SMALL = """[...document.querySelectorAll('button, select, input:not([type=checkbox], [type=radio]), label.option')]
  .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 44).map((each) => each.outerHTML)"""
"""Controls that a finger would miss."""
OVERFLOW = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("method", ["adjustment-with-flicker", "bisection"])
def test_an_observer_takes_part_by_keyboard_alone(
    service: ServiceProcess, browser: Browser, method: str, width: int
) -> None:
    made = prepared(service, method)
    browser.resize(width, 800)
    agree(browser, service, made)
    assert not browser.evaluate(OVERFLOW)
    assert browser.evaluate(visible("practice"))
    answer_everything(browser, method)
    assert browser.evaluate(FOCUS) == "thanks-title"
    assert not browser.evaluate(OVERFLOW)
    kept = service.client.get(f"{made.path}/samples").text.splitlines()
    assert len(kept) == 2, "one photo, one observer who passed the checks"
    columns = dict(zip(kept[0].split(","), kept[1].split(","), strict=True))
    assert columns["observer"] == text(browser, "observer")
    assert columns["noticed"] == "1"
    assert 5 < float(columns["pixels_per_degree"]) < 400
    assert columns["viewing_distance_mm"] == "600"


def test_a_session_is_taken_up_after_a_reload(service: ServiceProcess, browser: Browser) -> None:
    made = prepared(service, "adjustment-with-flicker")
    agree(browser, service, made)
    browser.until(SLIDER_READY, 30)
    answer_by_slider(browser)
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)
    browser.open("about:blank")
    browser.open(service.url + made.made["links"]["observer_page"])
    browser.until("document.getElementById('place').textContent === '2 of 4'", 20)
    assert not browser.evaluate(visible("practice"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_axe_finds_nothing_serious_on_any_step(
    service: ServiceProcess, browser: Browser, width: int, scheme: str
) -> None:
    made = {method: prepared(service, method) for method in ("adjustment-with-flicker", "bisection")}
    browser.resize(width, 800)
    browser.prefer(color_scheme=scheme)
    findings = {}

    def look(step: str) -> None:
        browser.evaluate(AXE)
        findings[step] = browser.evaluate(GRAVE)

    browser.open(f"{service.url}/study")
    browser.until(visible("plan"), 20)
    look("plan")
    browser.open(service.url + made["bisection"].made["links"]["organiser_page"])
    browser.until(visible("study"), 20)
    look("study")
    browser.evaluate("document.getElementById('sure').showModal()")
    look("sure")
    for method, organiser in made.items():
        browser.open(service.url + organiser.made["links"]["observer_page"])
        browser.until(visible("invitation"), 20)
        look(f"invitation, {method}")
        agree(browser, service, organiser, look)
        browser.until(SLIDER_READY if method != "bisection" else PAIR_READY, 30)
        look(f"trial, {method}")
    assert {step: found for step, found in findings.items() if found} == {}


@pytest.mark.parametrize("method", ["adjustment-with-flicker", "bisection"])
def test_a_phone_shows_the_question_and_all_answers_at_once(
    service: ServiceProcess, browser: Browser, method: str
) -> None:
    made = prepared(service, method)
    browser.resize(360, 740, touch=True)
    small = {}

    def look(step: str) -> None:
        small[step] = browser.evaluate(TOO_SMALL)

    browser.open(service.url + made.made["links"]["observer_page"])
    browser.until(visible("invitation"), 20)
    look("invitation")
    agree(browser, service, made, look)
    slider = method != "bisection"
    browser.until(SLIDER_READY if slider else PAIR_READY, 30)
    look("trial")
    assert {step: found for step, found in small.items() if found} == {}
    assert browser.evaluate("window.scrollY") == 0
    for control in ("question", "stage", *(("level", "here", "nowhere", "pause") if slider else ("different", "same"))):
        box = f"document.getElementById('{control}').getBoundingClientRect()"
        assert browser.evaluate(f"{box}.top >= 0 && {box}.bottom <= window.innerHeight"), control


def test_a_wrong_link_says_so(service: ServiceProcess, browser: Browser) -> None:
    browser.open(f"{service.url}/study/{'A' * 43}")
    browser.until(visible("problem"), 20)
    assert "No such study" in text(browser, "problem")
    assert not browser.evaluate(visible("invitation"))
    browser.complaints[:] = [each for each in browser.complaints if "404" not in each]


@pytest.mark.parametrize("width", [1440, 360])
def test_an_organiser_makes_a_study_and_ends_it(
    service: ServiceProcess, browser: Browser, tmp_path: Path, width: int
) -> None:
    browser.resize(width, 800)
    browser.open(f"{service.url}/study")
    browser.until(visible("plan"), 20)
    assert not browser.evaluate(OVERFLOW)
    tab_to(browser, "title")
    type_in(browser, "Chairs")
    browser.press("Enter")
    browser.until(visible("study"), 20)
    assert text(browser, "study-title") == "Chairs"
    for number in (41, 42):
        path = tmp_path / f"chair {number}.png"
        path.write_bytes(soft_shapes(number))
        browser.choose_file("#files", path)
        browser.until(f"document.getElementById('photos').textContent.includes('chair {number}')", 30)
    browser.until("document.getElementById('photos').textContent.match(/160 x 120ready/g)?.length === 2", 60)
    assert not browser.evaluate(OVERFLOW)
    browser.until("document.querySelectorAll('.thumb img').length === 2", 20)
    browser.evaluate("document.querySelector('.thumb img').scrollIntoView()")
    browser.until("document.querySelector('.thumb img').naturalWidth === 160", 20)
    link = browser.evaluate("document.getElementById('observer-link').value")
    assert link in browser.evaluate("document.getElementById('invitation').value")
    assert link.rsplit("/", 1)[1] in browser.evaluate("document.getElementById('mail').href")
    own = browser.evaluate("document.getElementById('organiser-link').value")
    assert service.client.get(link).status_code == 200
    browser.open("about:blank")
    browser.open(own)
    browser.until(visible("study"), 20)
    tab_to(browser, "end")
    browser.press("Enter")
    browser.until("document.getElementById('sure').open", 10)
    browser.press("Tab")
    browser.press("Enter")
    browser.until(visible("plan"), 20)
    token = link.rsplit("/", 1)[1]
    assert service.client.get(f"/v1/observe/{token}").json()["type"] == "/problems/study-expired"


@pytest.mark.parametrize("width", [1440, 360])
def test_an_organiser_sees_the_profile_that_fits_the_answers(
    service: ServiceProcess, browser: Browser, width: int
) -> None:
    made = prepared(service, "adjustment-with-flicker")
    browser.resize(width, 800)
    browser.open("about:blank")
    browser.open(f"{service.url}{made.made['links']['organiser_page']}")
    browser.until(visible("study"), 20)
    tab_to(browser, "fit")
    browser.press("Enter")
    browser.until(visible("problem"), 20)
    assert "a profile needs 10" in text(browser, "problem")
    browser.complaints[:] = [each for each in browser.complaints if "409" not in each]
    photos = len(made.status()["photos"])
    for seed in range(12 // photos + 1):
        Observer(service.client, made.made["observer_token"]).take_part(later_by_photo(45 + seed, 4))
    browser.press("Enter")
    browser.until(visible("profile"), 60)
    assert not browser.evaluate(OVERFLOW)
    assert "95 % interval" in text(browser, "profile-text")
    assert "observers: shares of viewers are known roughly only" in text(browser, "profile-warnings")
    assert browser.evaluate("document.getElementById('profile-file').download") == "team.json"
    assert browser.evaluate(TOO_SMALL) == []
